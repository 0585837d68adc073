"""A person's day against closed forms: when charges and spells of use fall, and who is at home."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gboard_sim import catalogue
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.person_day import DAY_TICKS, is_weekend, live
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.users import BOTH_WIFI, HOME_WIFI, TICKS_PER_H, WORK_WIFI, draw_users

N = 20_000


def drawn(**habits):
    mix = load_fleet("default", catalogue.read)
    mix = replace(mix, profiles=(replace(mix.profiles[0], never_share=0.0, **habits),))
    return draw_users(populate(mix, N, seed=5), np.arange(N), seed=5), mix.profiles[0]


@pytest.fixture(scope="module")
def shipped():
    users, profile = drawn()
    return users, profile, live(users, 2, seed=5, first_weekday=0)


def test_a_week_has_its_weekend_where_the_first_weekday_puts_it():
    assert [is_weekend(date, 0) for date in range(-2, 9)] == [
        True, True, False, False, False, False, False, True, True, False, False
    ]  # fmt: skip
    assert is_weekend(0, 5)
    assert is_weekend(0, 6)
    assert not is_weekend(1, 6)


def test_spells_stand_in_the_order_of_their_starts_within_the_day(shipped):
    _, _, signals = shipped
    for start, end in (signals.charging, signals.use, signals.unmetered):
        assert (np.diff(start, axis=0) >= 0).all()
        assert (end >= start).all()
        assert start.min() >= 0
        assert end.max() <= DAY_TICKS
    assert (signals.unmetered[0, 1] > signals.unmetered[1, 0]).sum() > 0


def test_charges_by_day_come_as_often_as_the_rate_says():
    users, profile = drawn(top_ups_sigma=0.0, night_charge_share=0.0, night_charge_between_sd=0.0)
    start, end = live(users, 2, seed=5, first_weekday=0).charging
    there = (end > start)[1:].sum(axis=0)  # without what is left of yesterday's
    p = profile.top_ups_per_day / 8
    observed = np.bincount(there, minlength=9)
    expected = stats.binom.pmf(np.arange(9), 8, p) * len(users)
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_what_is_left_of_yesterdays_charges_is_what_would_have_gone_on():
    """Charges of 9 hours: each of the morning's slots goes on past 15:00 or does not."""
    users, _ = drawn(top_up_median_h=9.0, top_up_sigma=0.0, top_ups_per_day=6.0)
    before, now = (live(users, day, seed=5, first_weekday=0).charging for day in (2, 3))
    morning = before[:, 6:]
    there = morning[1] > morning[0]
    last = np.where(there, morning[0], -DAY_TICKS).max(axis=0) + 9 * TICKS_PER_H
    assert (now[1, 0] == np.maximum(last - DAY_TICKS, 0)).all()
    assert (now[1, 0] > 0).mean() > 0.5


def test_phones_are_picked_up_at_night_as_often_as_the_profile_says(shipped):
    users, profile, signals = shipped
    start, end = signals.use[:, 5]
    woken = end > start
    share = profile.night_wake_share
    assert abs(woken.mean() - share) < 4 * np.sqrt(share * (1 - share) / len(users))
    assert set((end - start)[woken].tolist()) == {round(profile.night_wake_h * TICKS_PER_H)}


@pytest.mark.parametrize("day", [0, 3, 4, 5, 6])
def test_users_are_at_home_by_the_hour_as_the_normal_law_says(day):
    """First weekday Monday: the evening of date 4 is a Friday's, the morning after a Saturday's."""
    users, profile = drawn()
    starts, ends = live(users, day, seed=5, first_weekday=0).unmetered
    at_home = users.wifi == HOME_WIFI
    n = int(at_home.sum())
    evening = profile.weekend_away_share if day in (5, 6) else profile.away_day_share
    weekend = day + 1 in (5, 6)
    morning = profile.weekend_away_share if weekend else profile.away_day_share
    leave_h = profile.weekend_leave_h if weekend else profile.leave_h
    spread = profile.away_within_sd_h
    for hour, share in (
        (17.0, 1 - evening * stats.norm.sf(17.0, profile.return_h, spread)),
        (19.5, 1 - evening * stats.norm.sf(19.5, profile.return_h, spread)),
        (24 + 8.0, 1 - morning * stats.norm.cdf(8.0, leave_h, spread)),
        (24 + 11.0, 1 - morning * stats.norm.cdf(11.0, leave_h, spread)),
    ):
        tick = round((hour - 15.0) * TICKS_PER_H)
        connected = ((starts <= tick) & (tick < ends)).any(axis=0)
        assert abs(connected[at_home].mean() - share) < 4 * np.sqrt(share * (1 - share) / n)
        assert connected[users.wifi == BOTH_WIFI].all()
        # Who has Wi-Fi by day only is connected when the others are not.
        m = int((users.wifi == WORK_WIFI).sum())
        there = connected[users.wifi == WORK_WIFI].mean()
        assert abs(there - (1 - share)) < 4 * np.sqrt(share * (1 - share) / m)


def test_what_one_evening_decides_the_next_mornings_day_does_not_ask_again():
    """Date 3 is one day away or at home, though two person's days see it."""
    users, _ = drawn(home_wifi_share=1.0, work_wifi_share=0.0)
    before, after = (live(users, day, seed=5, first_weekday=0).unmetered for day in (2, 3))
    left_in_the_morning = before[1, 0] < DAY_TICKS
    came_back = after[0, 0] > 0
    assert (left_in_the_morning == came_back).mean() > 0.98  # but for hours cut at 15:00
