"""The windows that habits make: their swing over the day, and that any day stands alone."""

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.fleet import habits
from gboard_sim.fleet.accounts import Eligibility
from gboard_sim.fleet.habits import HabitWindows
from gboard_sim.fleet.intervals import Intervals
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.population import populate


@pytest.fixture(scope="module")
def population():
    return populate(load_fleet("default", catalogue.read), 3000, seed=4)


def absolute(source, day):
    found, origin_s = source.day(day), source.begins_s(day)
    return Intervals(found.phone, found.start_s + origin_s, found.end_s + origin_s)


@pytest.mark.parametrize("fleet", ["default", "flash"])
def test_eligible_phones_swing_four_to_one_over_the_local_day(fleet):
    population = populate(load_fleet(fleet, catalogue.read), 4000, seed=11)
    source = HabitWindows(population, seed=11)
    eligible = Eligibility(24 * 7, population.utc_offset_s)
    for day in range(source.first_day, 8):
        eligible.add(absolute(source, day))
    hours = eligible.by_local_hour(7 * 86400.0)
    assert 3.5 <= hours.max() / hours.min() <= 4.5
    assert hours.argmax() in (1, 2, 3, 4)


def test_a_day_is_the_same_whenever_and_in_whatever_chunks_it_is_made(population, monkeypatch):
    source = HabitWindows(population, seed=4)
    third = source.day(3)
    source.day(1)
    monkeypatch.setattr(habits, "_CHUNK", 700)
    again = HabitWindows(population, seed=4).day(3)
    for name in ("phone", "start_s", "end_s"):
        np.testing.assert_array_equal(getattr(third, name), getattr(again, name))


def test_windows_are_sorted_apart_and_within_their_day(population):
    source = HabitWindows(population, seed=4)
    for day in (-1, 0, 1):
        found = absolute(source, day)
        opens_s = day * 86400.0 + 15 * 3600.0 - population.utc_offset_s[found.phone]
        assert (found.start_s >= opens_s).all()
        assert (found.end_s <= opens_s + 86400.0).all()
        assert (found.end_s > found.start_s).all()
        same = found.phone[1:] == found.phone[:-1]
        assert (np.diff(found.phone) >= 0).all()
        assert (found.start_s[1:][same] > found.end_s[:-1][same]).all()
    midnight_s = 86400.0 - population.utc_offset_s[found.phone] + 86400.0
    assert ((found.start_s < midnight_s) & (found.end_s > midnight_s)).sum() > 500


def test_a_user_keeps_habits_from_day_to_day(population):
    """Bedtimes differ more between users than within: night windows of two days go together."""
    source = HabitWindows(population, seed=4)
    starts = []
    for day in (0, 1):
        found = source.day(day)
        night = (found.end_s - found.start_s) > 4 * 3600.0
        starts.append(dict(zip(found.phone[night].tolist(), found.start_s[night], strict=True)))
    both = sorted(set(starts[0]) & set(starts[1]))
    assert len(both) > 500
    one, other = (np.array([s[p] for p in both]) for s in starts)
    assert np.corrcoef(one, other)[0, 1] > 0.5


def test_phones_are_the_same_in_a_fleet_of_any_size(population):
    small = populate(population.mix, 100, seed=4)
    for name in ("phone_class", "utc_offset_s", "flop_per_s", "up_bytes_per_s", "power_w"):
        np.testing.assert_array_equal(getattr(small, name), getattr(population, name)[..., :100])
