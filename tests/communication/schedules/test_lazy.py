"""The lazy rule, by hand."""

import numpy as np
import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.lazy import Lazy
from gboard_sim.seam.protocols import Triggered

WORK = LocalPlan(("phone",), 8, LearningRate(0.5, "step", every=3), steps=4)
ONE = np.ones(4, dtype=np.int64)


def test_a_phone_sends_at_a_norm_or_at_an_age():
    schedule = Lazy(WORK, norm=2.0, age=3)
    base, norm = np.array([7, 7, 8, 8]), np.array([1.9, 2.0, 1.9, 2.0])
    assert schedule.sends(9, base, ONE, norm).tolist() == [False, True, False, True]
    assert schedule.sends(10, base, ONE, norm).tolist() == [True, True, False, True]
    assert schedule.sends(11, base, ONE, norm).tolist() == [True] * 4


def test_silence_keeps_what_was_trained():
    schedule = Lazy(WORK)
    assert isinstance(schedule, Triggered)
    assert schedule.keeps_unsent
    assert schedule.uploads(np.array([0, 5])).all()
    assert schedule.local(4) == WORK.at(4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"norm": 0.0}, r"norm\(=0.0\) must be a finite number above 0"),
        ({"norm": float("inf")}, r"norm\(=inf\) must be a finite number above 0"),
        ({"age": 0}, r"age\(=0\) must be at least 1 version"),
        ({"age": 5, "max_age": 4}, r"max_age\(=4\) must be at least age\(=5\)"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(given, message):
    with pytest.raises(ValueError, match=message):
        Lazy(WORK, **given)
