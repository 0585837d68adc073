"""The text of a made-up fleet, and a learner that only counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.fleet.fake_learner import EvenTyping, FakeLearner, plausible_typing
from gboard_sim.seam.typing_record import Typing
from gboard_sim.units import DAY_S


def test_plausible_typing_has_the_means_that_were_asked_for():
    typing = plausible_typing(20_000, 7.0, 3, mean_rows=40.0, row_tokens=9, at_start=0.4)
    phone = np.arange(20_000)
    first, last = typing.cached(phone, np.full(20_000, 7 * DAY_S), 10**9)
    assert (last - first).mean() == pytest.approx(40.0, rel=0.05)
    assert typing.tokens_of(first, last).sum() == 9 * (last - first).sum()
    early, typed = typing.cached(phone, np.zeros(20_000), 10**9)
    assert (typed - early).sum() / (last - first).sum() == pytest.approx(0.4, abs=0.02)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=5),
    st.floats(0.0, 0.9),
    st.integers(1, 20),
    st.lists(st.floats(-10.0, 200.0).map(lambda s: round(s, 3)), min_size=1, max_size=8),
)
def test_text_worked_out_is_text_written_down(rows, at_start, cache_rows, times_s):
    """Against a `Typing` whose rows are listed one by one."""
    even = EvenTyping(
        np.array(rows), until_s=100.0, at_start=at_start, row_tokens=7, cache_rows=cache_rows
    )
    written = [
        max((row + 0.5) / n - at_start, 0.0) / (1.0 - at_start) * 100.0
        for n in rows
        for row in range(n)
    ]
    typing = Typing(
        np.concatenate([[0], np.cumsum(rows)]),
        np.array(written),
        np.full(len(written), 7),
        cache_rows,
        float("inf"),
    )
    assert even.phones == typing.phones
    for at_s in times_s:
        if any(abs(at_s - time_s) < 1e-6 for time_s in written if time_s > 0.0):
            continue  # rounding decides on which side of such an instant a row falls
        phone, at = np.arange(len(rows)), np.full(len(rows), at_s)
        for cap in (3, 10**6):
            for mine, other in zip(
                even.cached(phone, at, cap), typing.cached(phone, at, cap), strict=True
            ):
                np.testing.assert_array_equal(mine, other)


def test_it_answers_nothing_unless_told_to_stop():
    typing = plausible_typing(10, 1.0, 3)
    assert FakeLearner(typing, 5).answers == frozenset()
    assert FakeLearner(typing, 5).outcome(9).stop is None
    stopping = FakeLearner(typing, 5, stop_at_version=3)
    assert stopping.answers == {"stop"}
    assert [stopping.outcome(v).stop for v in (2, 3)] == [None, "fake"]
    assert stopping.download_bytes(np.array([-1, 0]), 1).tolist() == [5, 5]
