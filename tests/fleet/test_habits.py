"""The windows that habits make: their swing over the day, and that any day stands alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim import catalogue
from gboard_sim.fleet import habits
from gboard_sim.fleet.accounts import Eligibility
from gboard_sim.fleet.habits import HabitWindows, eligible
from gboard_sim.fleet.intervals import Intervals
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.person_day import DAY_TICKS, Signals, live
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.users import TICKS_PER_H, draw_users

HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def population():
    return populate(load_fleet("default", catalogue.read), 3000, seed=4)


def living(phones, *, seed=4, **habits_of):
    """A fleet whose habits differ from the shipped ones."""
    mix = load_fleet("default", catalogue.read)
    profile = replace(mix.profiles[0], **habits_of)
    return populate(replace(mix, profiles=(profile,)), phones, seed=seed)


PLAIN = {  # nobody differs from anybody: every night from 23:00 to 7:00 on the charger, at home
    "bedtime_h": 23.0, "bedtime_between_sd_h": 0.0, "bedtime_within_sd_h": 0.0,
    "sleep_h": 8.0, "sleep_between_sd_h": 0.0, "sleep_within_sd_h": 0.0,
    "night_charge_share": 1.0, "night_charge_between_sd": 0.0, "night_wake_share": 0.0,
    "top_ups_per_day": 0.0, "top_ups_sigma": 0.0, "use_spell_median_h": 0.0,
    "home_wifi_share": 1.0, "work_wifi_share": 0.0, "away_day_share": 0.0,
    "weekend_away_share": 0.0, "weekend_bedtime_shift_h": 0.0, "weekend_waking_shift_h": 0.0,
    "never_share": 0.0, "settle_s": 0.0,
}  # fmt: skip


def absolute(source, day):
    found, origin_s = source.day(day), source.begins_s(day)
    return Intervals(found.phone, found.start_s + origin_s, found.end_s + origin_s)


@pytest.mark.parametrize("fleet", ["default", "flash"])
def test_eligible_phones_swing_four_to_one_over_the_local_day(fleet):
    population = populate(load_fleet(fleet, catalogue.read), 4000, seed=11)
    source = HabitWindows(population, seed=11)
    by_hour = Eligibility(24 * 7, population.utc_offset_s)
    for day in range(source.first_day, 8):
        by_hour.add(absolute(source, day))
    hours = by_hour.by_local_hour(7 * 86400.0)
    assert 3.5 <= hours.max() / hours.min() <= 4.5
    assert hours.argmax() in (1, 2, 3, 4)


def same(one, other):
    for name in ("phone", "start_s", "end_s"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("profiles", [1, 3])
def test_a_day_is_the_same_whenever_in_whatever_chunks_and_on_how_many_threads_it_is_made(
    population, monkeypatch, profiles
):
    if profiles > 1:
        first = population.mix.profiles[0]
        others = (replace(first, bedtime_h=30.0), replace(first, top_ups_per_day=1.0))
        mix = replace(population.mix, profiles=(first, *others), profile_shares=(0.5, 0.3, 0.2))
        population = populate(mix, 3000, seed=4)
    source = HabitWindows(population, seed=4, threads=1)
    third = source.day(3)
    assert (np.diff(third.phone) >= 0).all()
    source.day(1)
    same(third, source.day(3))
    for chunk, threads in ((700, 1), (700, 3), (64, 2), (2999, 2)):
        monkeypatch.setattr(habits, "_CHUNK", chunk)
        same(third, HabitWindows(population, seed=4, threads=threads).day(3))


def test_a_phone_lives_the_same_days_in_a_fleet_of_any_size(population):
    small = populate(population.mix, 100, seed=4)
    both = [absolute(HabitWindows(p, seed=4), 2) for p in (population, small)]
    first = both[0].phone < 100
    same(Intervals(*(getattr(both[0], n)[first] for n in ("phone", "start_s", "end_s"))), both[1])


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


@pytest.mark.parametrize("first_weekday", [0, 2, 6])
def test_nights_before_a_saturday_or_sunday_are_later_and_no_other(first_weekday):
    shifts = {"weekend_bedtime_shift_h": 1.0, "weekend_waking_shift_h": 2.5}
    source = HabitWindows(living(20, **PLAIN | shifts), seed=1, first_weekday=first_weekday)
    for day in range(-1, 13):
        morning = (first_weekday + day + 1) % 7
        late = morning in (5, 6)  # Saturday and Sunday
        found = source.day(day)
        assert len(found) == 20
        # Days begin at 15:00 of the phones farthest east, which go to bed first.
        assert found.start_s.min() / HOUR == 8.0 + 1.0 * late
        assert ((found.end_s - found.start_s) / HOUR == 8.0 + 1.5 * late).all()


def test_users_who_are_away_on_weekends_leave_and_come_back_at_the_hours_of_a_weekend():
    away = {"top_ups_per_day": 6.0, "top_up_median_h": 24.0, "top_up_sigma": 0.0}
    away |= {"away_within_sd_h": 0.0, "leave_h": 8.0, "weekend_leave_h": 11.0, "return_h": 19.0}
    away |= {"away_day_share": 0.0, "weekend_away_share": 1.0}
    population = living(400, **PLAIN | away)
    source = HabitWindows(population, seed=1, first_weekday=0)
    late = population.utc_offset_s.max() - population.utc_offset_s
    for day, (opens_h, closes_h) in {
        2: (0.0, 24.0),  # Wednesday to Thursday
        4: (0.0, 20.0),  # Friday to Saturday, until 11:00
        5: (4.0, 20.0),  # Saturday from 19:00 to Sunday, until 11:00
        6: (4.0, 24.0),
    }.items():
        found = source.day(day)
        start_h = (found.start_s - late[found.phone]) / HOUR
        end_h = (found.end_s - late[found.phone]) / HOUR
        assert start_h.min() == opens_h
        assert end_h.max() == closes_h
        assert (end_h == closes_h).mean() > 0.5


def within_4_sigma(count, n, share):
    return abs(count - n * share) <= 4 * np.sqrt(n * share * (1 - share)) + 1e-9


def test_users_who_never_take_part_are_those_and_the_ones_without_wifi():
    never = {"never_share": 0.3, "home_wifi_share": 0.8, "work_wifi_share": 0.5}
    never |= {"top_ups_per_day": 6.0, "top_up_median_h": 1.0}
    source = HabitWindows(living(20_000, **PLAIN | never), seed=3)
    part = np.unique(np.concatenate([source.day(day).phone for day in range(3)]))
    # At work nobody is away, so work Wi-Fi alone is never used; see `away_day_share`.
    assert within_4_sigma(len(part), 20_000, 0.7 * 0.8)
    population = living(20_000, **PLAIN | never)
    users = draw_users(population, np.arange(20_000), seed=3)
    assert within_4_sigma(len(users), 20_000, 0.7 * (1 - 0.2 * 0.5))
    assert set(part.tolist()) <= set(users.phone.tolist())
    assert len(HabitWindows(living(50, never_share=1.0), seed=1).day(0)) == 0


def test_nights_on_the_charger_are_a_share_of_all_nights():
    source = HabitWindows(living(5000, **PLAIN | {"night_charge_share": 0.37}), seed=2)
    found = [source.day(day) for day in range(6)]
    assert within_4_sigma(sum(map(len, found)), 30_000, 0.37)
    # One night says nothing about the next.
    nights = [set(each.phone.tolist()) for each in found]
    assert within_4_sigma(len(nights[2] & nights[3]), 5000, 0.37**2)


def test_windows_hold_exactly_the_instants_at_which_all_signals_hold():
    population = living(60, seed=8, settle_s=0.0)
    source = HabitWindows(population, seed=8, first_weekday=3)
    users = draw_users(population, np.arange(60), seed=8)
    rng = np.random.default_rng(0)
    late_s = population.utc_offset_s.max() - population.utc_offset_s
    occupied = np.zeros((2, 24))
    for day in range(5):
        signals = live(users, day, seed=8, first_weekday=3)
        found = source.day(day)
        for row, phone in enumerate(users.phone):
            mine = found.phone == phone
            start_s, end_s = (side[mine] - late_s[phone] for side in (found.start_s, found.end_s))
            for tick in rng.integers(0, DAY_TICKS, 60):

                def on(signal, row=row, tick=tick):
                    starts, ends = signal[:, :, row]
                    return any(a <= tick < b for a, b in zip(starts, ends, strict=True))

                holds = on(signals.charging) and on(signals.unmetered) and not on(signals.use)
                second = tick / 1024
                inside = any(a <= second < b for a, b in zip(start_s, end_s, strict=True))
                assert inside == holds
                hour = int((15 + second // HOUR) % 24)
                occupied[:, hour] += 1, holds
    share = occupied[1] / occupied[0]
    assert share[1:5].mean() > 2 * share[14:20].mean()


hours = st.integers(0, 24)


@st.composite
def days(draw):
    """Signals of three users in whole hours, spells in the order of their starts."""

    def spells(most):
        found = sorted(draw(st.lists(st.tuples(hours, hours), max_size=most)))
        found = [(a, max(a, b)) for a, b in found]
        return found + [(24, 24)] * (most - len(found))

    charging, use = ([spells(5) for _ in range(3)] for _ in range(2))
    edges = [sorted(draw(st.tuples(hours, hours, hours, hours))) for _ in range(3)]
    wifi = [[(a, b), (c + (c == b), max(d, c + (c == b)))] for a, b, c, d in edges]
    wifi = [[(a, b), (min(c, 24), min(d, 24))] for (a, b), (c, d) in wifi]

    def column(rows):
        return np.array(rows).transpose(2, 1, 0) * TICKS_PER_H

    return charging, use, wifi, Signals(column(charging), column(use), column(wifi))


@settings(max_examples=200, deadline=None)
@given(days(), st.integers(0, 3))
def test_eligibility_is_the_and_of_the_signals_once_it_has_lasted(day, settle):
    charging, use, wifi, signals = day
    row, start, end = eligible(signals, settle * TICKS_PER_H)
    found = list(zip(row.tolist(), start / TICKS_PER_H, end / TICKS_PER_H, strict=True))
    expected = []
    for user in range(3):

        def on(spells, hour):
            return any(a <= hour < b for a, b in spells)

        holds = [
            on(charging[user], h) and not on(use[user], h) and on(wifi[user], h) for h in range(24)
        ]
        hour = 0
        while hour < 24:
            opens = hour
            while hour < 24 and holds[hour]:
                hour += 1
            settled = opens + settle * (opens > 0)
            if settled < hour:
                expected.append((user, settled, hour))
            hour += 1
    assert found == expected
