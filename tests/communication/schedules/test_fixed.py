import numpy as np

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.fixed import Fixed


def test_every_window_uploads_and_nothing_is_kept():
    work = LocalPlan(classes=("phone",), batch_size=1, learning_rate=LearningRate(1.0), steps=1)
    schedule = Fixed(work)
    assert schedule.uploads(np.array([0, 1, 7])).all()
    assert not schedule.keeps_unsent
    assert schedule.max_age is None
