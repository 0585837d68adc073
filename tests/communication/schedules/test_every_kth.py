import numpy as np
import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.every_kth import EveryKth
from gboard_sim.communication.schedules.fixed import Fixed

WORK = LocalPlan(classes=("phone",), batch_size=1, learning_rate=LearningRate(1.0), steps=1)


def windows(schedule, rejected):
    """The windows in which a phone that keeps its training uploads, given which are rejected."""
    stints, uploads = 0, []
    for window in range(1, 13):
        sends = bool(schedule.uploads(np.array([stints]))[0])
        stints += 1
        if sends:
            uploads.append(window)
            if window not in rejected:
                stints = 0
    return uploads


def test_a_cycle_of_three_windows_uploads_in_each_third():
    assert windows(EveryKth(WORK, k=3), rejected=set()) == [3, 6, 9, 12]


def test_a_rejected_upload_is_tried_again_in_the_next_window():
    assert windows(EveryKth(WORK, k=3), rejected={3, 7}) == [3, 4, 7, 8, 11]


def test_one_window_and_no_age_is_the_fixed_schedule():
    one, fixed = EveryKth(WORK, k=1, max_age=0), Fixed(WORK)
    stints = np.arange(6)
    assert (one.uploads(stints) == fixed.uploads(stints)).all()
    assert one.keeps_unsent == fixed.keeps_unsent
    assert one.local(3) == fixed.local(3)


@pytest.mark.parametrize(("max_age", "keeps"), [(None, True), (0, False), (1, True)])
def test_training_is_kept_unless_no_age_is_allowed(max_age, keeps):
    assert EveryKth(WORK, k=2, max_age=max_age).keeps_unsent is keeps


def test_the_arm_that_trains_in_the_last_window_rests_in_the_others():
    assert not EveryKth(WORK, k=3).rests
    last = EveryKth(WORK, k=3, trains="last")
    assert last.rests
    assert windows(last, rejected={3}) == [3, 4, 7, 10]
    with pytest.raises(ValueError, match=r"trains\(='some'\) must be all or last"):
        EveryKth(WORK, trains="some")


def test_a_value_out_of_range_is_named_with_its_range():
    with pytest.raises(ValueError, match=r"k\(=0\) must be at least 1"):
        EveryKth(WORK, k=0)
    with pytest.raises(ValueError, match=r"max_age\(=-1\) must be at least 0"):
        EveryKth(WORK, k=2, max_age=-1)


def test_a_phone_moves_on_in_each_window_or_never():
    assert not EveryKth(WORK, k=3).rebases
    assert EveryKth(WORK, k=3, rebase="each_window").rebases
    with pytest.raises(ValueError, match=r"rebase\(='often'\) must be never or each_window"):
        EveryKth(WORK, rebase="often")
    with pytest.raises(ValueError, match="must be never where trains"):
        EveryKth(WORK, k=2, rebase="each_window", trains="last")
