import pickle
from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.communication import schedules
from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.every_kth import EveryKth
from gboard_sim.communication.schedules.fixed import Fixed

WORK = LocalPlan(
    classes=("fast", "slow"), batch_size=8, learning_rate=LearningRate(0.5), steps=(1, 3)
)


@pytest.fixture(params=sorted(schedules.SCHEDULES))
def schedule(request):
    return schedules.build(request.param, WORK, {})


def test_every_schedule_goes_by_its_name_in_the_catalogue(schedule):
    assert schedules.SCHEDULES[schedule.name] is type(schedule)


def test_every_schedule_answers_for_all_phones_at_once(schedule):
    answer = schedule.uploads(np.arange(5, dtype=np.int64))
    assert answer.dtype == np.bool_
    assert answer.shape == (5,)
    assert schedule.uploads(np.empty(0, dtype=np.int64)).shape == (0,)


def test_every_schedule_hands_out_work_for_each_class_that_differs_in_its_amount_alone(schedule):
    for version in (0, 7, 10**6):
        given, plain = schedule.local(version), WORK.at(version)
        assert len(given) == len(plain)
        for work, own in zip(given, plain, strict=True):
            assert replace(work, steps=None, epochs=1) == replace(own, steps=None, epochs=1)
            assert (work.steps or work.epochs) >= 1


def test_every_schedule_travels_to_a_worker(schedule):
    assert pickle.loads(pickle.dumps(schedule)) == schedule


def test_an_unknown_schedule_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"'sometimes'.* must be one of fixed, every_kth"):
        schedules.build("sometimes", WORK, {})


def test_an_option_that_a_schedule_does_not_have_is_refused():
    with pytest.raises(ValueError, match="'fixed' has no option 'k'; it has no options"):
        schedules.build("fixed", WORK, {"k": 2})
    with pytest.raises(ValueError, match="no option 'work'; it has k, max_age, trains, rebase"):
        schedules.build("every_kth", WORK, {"work": WORK})


def test_options_reach_the_schedule():
    built = schedules.build("every_kth", WORK, {"k": 4, "max_age": 9})
    assert built == EveryKth(WORK, k=4, max_age=9)
    assert schedules.build("fixed", WORK, {}) == Fixed(WORK)
