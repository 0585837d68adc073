"""The text of a made-up fleet, and a learner that only counts."""

import numpy as np
import pytest

from gboard_sim.fleet.fake_learner import FakeLearner, plausible_typing


def test_plausible_typing_has_the_means_that_were_asked_for():
    typing = plausible_typing(20_000, 7.0, 3, mean_rows=40.0, mean_tokens=9.0, at_start=0.4)
    assert np.diff(typing.first).mean() == pytest.approx(40.0, rel=0.05)
    assert typing.tokens.mean() == pytest.approx(9.0, rel=0.01)
    assert (typing.time_s == 0.0).mean() == pytest.approx(0.4, abs=0.02)
    assert typing.time_s.max() < 7 * 86400.0
    inner = np.diff(typing.time_s)[
        np.diff(np.repeat(np.arange(20_000), np.diff(typing.first))) == 0
    ]
    assert (inner >= 0).all()


def test_it_answers_nothing_unless_told_to_stop():
    typing = plausible_typing(10, 1.0, 3)
    assert FakeLearner(typing, 5).answers == frozenset()
    assert FakeLearner(typing, 5).outcome(9).stop is None
    stopping = FakeLearner(typing, 5, stop_at_version=3)
    assert stopping.answers == {"stop"}
    assert [stopping.outcome(v).stop for v in (2, 3)] == [None, "fake"]
    assert stopping.download_bytes(np.array([-1, 0]), 1).tolist() == [5, 5]
