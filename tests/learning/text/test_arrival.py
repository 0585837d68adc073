from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from gboard_sim.errors import CorpusError
from gboard_sim.learning.text import arrival

DAY_S, HOUR_S = 86400.0, 3600.0


def firsts(sizes):
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def habit(first, *, days=7.0, history_days=0.0, offset_h=0.0, seed=1):
    return arrival.habit(
        first,
        days=days,
        history_days=history_days,
        offset_s=np.full(len(first) - 1, offset_h * HOUR_S),
        seed=seed,
    )


def compressed(first, recorded_s, *, days=7.0, history_days=0.0, offset_h=0.0, seed=1):
    return arrival.compressed(
        first,
        recorded_s,
        days=days,
        history_days=history_days,
        offset_s=np.full(len(first) - 1, offset_h * HOUR_S),
        seed=seed,
    )


def ascends_within_phones(first, at_s):
    return all((np.diff(at_s[a:b]) >= 0).all() for a, b in pairwise(first))


def test_at_start_is_time_zero():
    assert arrival.at_start(firsts([2, 0, 1])).tolist() == [0.0, 0.0, 0.0]


def test_recorded_starts_at_the_earliest_message():
    at_s = arrival.recorded(firsts([2, 1]), np.array([1005.0, 1100.0, 1000.0]), "x")
    assert at_s.tolist() == [5.0, 100.0, 0.0]
    assert arrival.recorded(firsts([0]), np.zeros(0), "x").tolist() == []


def test_recorded_without_times_is_refused_with_counts():
    times = np.array([1.0, np.nan, 2.0, np.nan, np.nan])
    with pytest.raises(CorpusError, match=r"3 of 5 messages of the fleet, from 2 users") as refused:
        arrival.recorded(firsts([2, 1, 0, 2]), times, "hand.jsonl")
    assert "compressed" in str(refused.value)


@pytest.mark.parametrize("sizes", [[0, 5, 0, 300, 1], [0], [1]])
@pytest.mark.parametrize("history_days", [0.0, 1.5])
def test_moments_lie_in_whole_days_and_ascend_within_each_phone(sizes, history_days):
    first = firsts(sizes)
    times = np.arange(first[-1]) * 5000.0
    for at_s in (
        habit(first, days=2.5, history_days=history_days),
        compressed(first, times, days=2.5, history_days=history_days),
    ):
        assert at_s.shape == (first[-1],)
        assert ((at_s >= 0.0) & (at_s < 3 * DAY_S)).all()
        assert ascends_within_phones(first, at_s)


def test_the_common_habit_follows_its_cosine_smeared_by_the_spread_of_peaks():
    # One message a phone: hours are independent, so a chi-squared test is exact. A normal spread
    # of s hours damps a cosine of period 24 by exp(-(2 pi s / 24)^2 / 2).
    at_s = habit(firsts([1] * 40_000))
    hours = np.bincount((at_s % DAY_S // HOUR_S).astype(int), minlength=24)
    middle = np.arange(24) + 0.5
    turn = 2.0 * np.pi / 24.0
    swing = 0.9 * np.exp(-((turn * 2.0) ** 2) / 2.0) * np.sinc(1.0 / 24.0)
    expected = 40_000 / 24.0 * (1.0 + swing * np.cos(turn * (middle - 16.0)))
    assert stats.chisquare(hours, expected).pvalue > 1e-3
    days = np.bincount((at_s // DAY_S).astype(int), minlength=7)
    assert stats.chisquare(days).pvalue > 1e-3


def test_hours_are_those_of_the_phones_own_clock():
    first = firsts([50] * 40)
    at_utc, in_the_east = habit(first, days=4.0), habit(first, days=4.0, offset_h=5.0)
    local = np.sort((in_the_east + 5 * HOUR_S) % DAY_S)
    np.testing.assert_allclose(local, np.sort(at_utc % DAY_S), atol=1e-6)


def test_compressed_hours_are_the_users_own_where_there_are_many():
    # A user who typed 500 messages between 03:00 and 04:00, and one who left no time at all.
    night = 3 * HOUR_S + np.linspace(0.0, HOUR_S - 1.0, 500) + DAY_S * np.arange(500)
    first = firsts([500, 500])
    at_s = compressed(first, np.concatenate([night, np.full(500, np.nan)]))
    own = (at_s[:500] % DAY_S // HOUR_S == 3).mean()
    assert 0.97 < own <= 1.0  # 500 of 505 draws, and the common habit's few
    assert (at_s[500:] % DAY_S // HOUR_S == 3).mean() < 0.1


def test_compressed_without_times_is_the_common_habit():
    first = firsts([20, 30])
    np.testing.assert_array_equal(compressed(first, np.full(50, np.nan)), habit(first))


def test_a_phones_moments_depend_on_no_other_phone():
    alone, among = habit(firsts([20, 30])), habit(firsts([20, 30, 500]))
    np.testing.assert_array_equal(alone, among[:50])
    assert (habit(firsts([20]), seed=2) != alone[:20]).all()


def test_what_was_typed_before_the_run_is_there_at_its_start():
    at_s = habit(firsts([10_000]), days=3.0, history_days=1.0)
    assert abs((at_s == 0.0).mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 10_000)
