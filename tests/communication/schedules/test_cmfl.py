"""The sign trigger against its inequality, by hand."""

import numpy as np
import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.cmfl import Cmfl
from gboard_sim.seam.protocols import Triggered

WORK = LocalPlan(("phone",), 8, LearningRate(0.5), steps=4)
SHARE = np.array([0.19, 0.2, 0.39, 0.4, 0.79, 0.8])
FIVE, ONE = np.full(6, 5), np.ones(6, dtype=np.int64)


@pytest.mark.parametrize(("version", "first"), [(1, 5), (4, 3), (16, 1), (17, 1), (10**6, 0)])
def test_the_share_of_signs_is_held_against_a_threshold_that_falls_with_the_root(version, first):
    # 0.8 / sqrt(t): 0.8 at version 1, 0.4 at 4, 0.2 at 16, 0.194 at 17
    sends = Cmfl(WORK).sends(version, FIVE, ONE, SHARE)
    assert sends.tolist() == [place >= first for place in range(6)]


def test_before_the_first_step_there_is_nothing_to_agree_with():
    base = np.array([0, 0, 0, 1, 1, 1])
    assert Cmfl(WORK).sends(1, base, ONE, SHARE).tolist() == [True] * 3 + [False, False, True]
    assert Cmfl(WORK).sends(0, np.zeros(6), ONE, SHARE).all()


def test_a_silent_phone_drops_its_update():
    schedule = Cmfl(WORK)
    assert isinstance(schedule, Triggered)
    assert schedule.looks_at == "sign_agreement"
    assert not schedule.keeps_unsent
    assert schedule.uploads(np.array([0, 5])).all()
    assert schedule.local(4) == WORK.at(4)


@pytest.mark.parametrize("agreement", [0.0, -0.1, 1.01, float("nan")])
def test_a_value_out_of_range_is_named_with_its_range(agreement):
    with pytest.raises(ValueError, match=r"agreement\(=.*\) must be above 0 and at most 1"):
        Cmfl(WORK, agreement=agreement)
