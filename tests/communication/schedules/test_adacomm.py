"""AdaComm against the paper's rule worked out by hand."""

from math import inf, nan

import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import ClassWork, LocalPlan
from gboard_sim.communication.schedules.adacomm import AdaComm
from gboard_sim.seam.protocols import Adaptive

WORK = LocalPlan(
    classes=("fast", "slow", "lazy"),
    batch_size=8,
    learning_rate=LearningRate(0.5, "step", every=2),
    steps=20,
    overrides={"slow": ClassWork(steps=7), "lazy": ClassWork(epochs=2)},
)


def follow(schedule, losses):
    """Steps, or epochs as negative numbers, of each class by version from 1 on."""
    memory, found = (), []
    for version, loss in enumerate(losses, 1):
        memory, works = schedule.adapt(memory, version, loss)
        found.append(tuple(w.steps or -w.epochs for w in works))
        assert [w.learning_rate for w in works] == [WORK.learning_rate.at(version)] * 3
    return found


def test_the_amounts_follow_the_root_of_the_loss():
    # Roots of F / 8: 1, 0.9, 0.8, 0.5, 0.25. Times 20: 20 (first), 18, 16, 10, 5. Times 7: 7, 6.3,
    # 5.6, 3.5, 1.75, rounded up 7, 6, 4, 2, where ceil(6.3) = 7 is no less than 7: 7 / 2 = 3.5 -> 4
    # instead; then ceil(5.6) = 6 is no less than 4: 2; ceil(3.5) = 4: 1; then 1 for ever. Times 2:
    # 1.8 -> 2 is no less than 2: 1.
    found = follow(AdaComm(WORK, every=1), [8.0, 6.48, 5.12, 2.0, 0.5])
    assert found == [(20, 7, -2), (18, 4, -1), (16, 2, -1), (10, 1, -1), (5, 1, -1)]


def test_where_the_loss_does_not_fall_gamma_lowers_the_amount():
    found = follow(AdaComm(WORK, every=1, gamma=0.75), [4.0, 4.0, 9.0, 4.0])
    # 20 -> 15 -> 11.25 -> 9; 7 -> 5.25 -> 4.5 -> 3.75, each rounded up before the next.
    assert found == [(20, 7, -2), (15, 6, -2), (12, 5, -2), (9, 4, -2)]


def test_only_the_ends_of_intervals_count():
    losses = [4.0, 0.01, 1.0, 0.01, 0.01, 0.25]
    found = [row[0] for row in follow(AdaComm(WORK, every=3), losses)]
    assert found == [20, 20, 10, 10, 10, 5]


@pytest.mark.parametrize("bad", [nan, inf, 0.0])
def test_a_cohort_without_a_loss_changes_nothing(bad):
    found = [row[0] for row in follow(AdaComm(WORK, every=1), [bad, 4.0, bad, 1.0])]
    assert found == [20, 20, 20, 10]


def test_it_starts_from_the_plan_and_is_known_as_adaptive():
    schedule = AdaComm(WORK)
    assert isinstance(schedule, Adaptive)
    assert schedule.local(0) == WORK.at(0)
    assert schedule.local(4) == WORK.at(4)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"every": 0}, r"every\(=0\) must be at least 1"),
        ({"gamma": 0.0}, r"gamma\(=0.0\) must be above 0 and at most 1"),
        ({"gamma": 1.5}, r"gamma\(=1.5\)"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(given, message):
    with pytest.raises(ValueError, match=message):
        AdaComm(WORK, **given)
