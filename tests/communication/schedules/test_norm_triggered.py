"""The event trigger against its inequality, by hand."""

import numpy as np
import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.norm_triggered import NormTriggered
from gboard_sim.seam.protocols import Triggered

WORK = LocalPlan(("phone",), 8, LearningRate(0.5, "step", every=3), steps=4)
NORM = np.array([0.9, 1.0, 1.1, 5.0])
ZERO = np.zeros(4, dtype=np.int64)
ONE = np.ones(4, dtype=np.int64)


def test_the_square_of_the_norm_is_held_against_threshold_and_rate():
    schedule = NormTriggered(WORK, threshold=4.0)
    assert schedule.sends(0, ZERO, ONE, NORM).tolist() == [False, False, True, True]  # 4 x 0.25 = 1
    assert schedule.sends(2, ZERO, ONE, NORM).tolist() == [False, False, True, True]
    assert schedule.sends(3, ZERO, ONE, NORM).tolist() == [True] * 4  # 4 x 0.0625 = 0.25


def test_with_epsilon_the_threshold_grows_with_the_version():
    schedule = NormTriggered(LocalPlan(("phone",), 8, LearningRate(0.5), steps=4), 4.0, 0.5)
    # 4 (v + 1)^(1/2) 0.25 = 1 at version 0, 2 at version 3, 25.01 at version 624.5
    assert schedule.sends(0, ZERO, ONE, NORM).tolist() == [False, False, True, True]
    assert schedule.sends(3, ZERO, ONE, NORM).tolist() == [False, False, False, True]
    assert schedule.sends(623, ZERO, ONE, NORM).tolist() == [False, False, False, True]
    assert schedule.sends(625, ZERO, ONE, NORM).tolist() == [False] * 4


def test_after_so_many_windows_a_phone_sends_in_any_case():
    schedule = NormTriggered(WORK, threshold=1e6, most_windows=3)
    assert schedule.sends(0, ZERO, np.array([1, 2, 3, 4]), NORM).tolist() == [
        False,
        False,
        True,
        True,
    ]


def test_silence_keeps_what_was_trained():
    schedule = NormTriggered(WORK)
    assert isinstance(schedule, Triggered)
    assert schedule.keeps_unsent
    assert schedule.uploads(np.array([0, 5])).all()
    assert schedule.local(4) == WORK.at(4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"threshold": 0.0}, r"threshold\(=0.0\) must be a finite number above 0"),
        ({"epsilon": 0.0}, r"epsilon\(=0.0\) must be above 0 and at most 1"),
        ({"most_windows": 0}, r"most_windows\(=0\) must be at least 1 window"),
        ({"max_age": 0}, r"max_age\(=0\) must be at least 1 version"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(given, message):
    with pytest.raises(ValueError, match=message):
        NormTriggered(WORK, **given)
