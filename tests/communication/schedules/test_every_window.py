"""Schedules whose H follows from the version: against tables worked out by hand."""

import numpy as np
import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import ClassWork, LocalPlan
from gboard_sim.communication.schedules.decreasing import Decreasing
from gboard_sim.communication.schedules.every_window import MOST, ceil, floor
from gboard_sim.communication.schedules.fixed import Fixed
from gboard_sim.communication.schedules.linear_growth import LinearGrowth
from gboard_sim.communication.schedules.post_local import PostLocal
from gboard_sim.communication.schedules.quadratic import Quadratic


def plan(rate=None, **amount):
    """Fast phones as given, slow ones 4 steps, lazy ones 2 epochs of at most 50 messages."""
    amount = amount or {"steps": 10}
    return LocalPlan(
        classes=("fast", "slow", "lazy"),
        batch_size=8,
        learning_rate=rate or LearningRate(0.5),
        overrides={"slow": ClassWork(steps=4), "lazy": ClassWork(epochs=2, cap=50)},
        **amount,
    )


def amounts(schedule, versions):
    """Steps as they are, epochs as negative numbers, by version and class."""
    return [tuple(w.steps or -w.epochs for w in schedule.local(v)) for v in versions]


def table(schedule, place, versions):
    return [row[place] for row in amounts(schedule, versions)]


def test_fixed_local_steps_epochs_and_fed_sgd_are_the_plan_of_the_fixed_schedule():
    assert amounts(Fixed(plan(steps=16)), [0, 99]) == [(16, 4, -2)] * 2
    assert amounts(Fixed(plan(epochs=3)), [0, 99]) == [(-3, 4, -2)] * 2
    fed_sgd = LocalPlan(("phone",), 1000, LearningRate(0.5), epochs=1)
    [work] = Fixed(fed_sgd).local(5)
    assert (work.epochs, work.batch_size) == (1, 1000)  # one step on a whole cache of 1000


def test_post_local_takes_one_step_until_the_switch_and_then_each_class_its_own():
    schedule = PostLocal(plan(), switch=3)
    assert amounts(schedule, range(5)) == [(1, 1, 1)] * 3 + [(10, 4, -2)] * 2
    assert [work.cap for work in schedule.local(0)] == [None, None, 50]


def test_linear_growth_adds_the_same_part_of_each_class_in_every_stage():
    schedule = LinearGrowth(plan(), growth=0.3)
    # 10 (1 + 0.3 v) = 10, 13, 16, 19, 22; 4 (1 + 0.3 v) = 4, 5.2, 6.4, 7.6, 8.8; 2 (...) = 2, 2.6,
    # 3.2, 3.8, 4.4: all rounded down.
    assert table(schedule, 0, range(5)) == [10, 13, 16, 19, 22]
    assert table(schedule, 1, range(5)) == [4, 5, 6, 7, 8]
    assert table(schedule, 2, range(5)) == [-2, -2, -3, -3, -4]


def test_linear_growth_by_stages_with_a_cap():
    schedule = LinearGrowth(plan(), growth=1.0, every=2, most=25)
    assert table(schedule, 0, range(7)) == [10, 10, 20, 20, 25, 25, 25]
    assert table(schedule, 1, range(7)) == [4, 4, 8, 8, 12, 12, 16]


def test_spiridonoffs_rule_is_a_growth_of_one():
    schedule = LinearGrowth(plan(steps=3), growth=1.0)
    assert table(schedule, 0, range(6)) == [3 * (i + 1) for i in range(6)]


def test_decreasing_falls_with_the_cube_root_and_rounds_up():
    schedule = Decreasing(plan(steps=12))
    # 12 / v^(1/3) for v = 1, 2, 8, 9, 27, 28, 1000, 1728, 1729: 12, 9.52, 6, 5.77, 4, 3.95, 1.2, 1.
    versions = [0, 1, 7, 8, 26, 27, 999, 1727, 1728]
    assert table(schedule, 0, versions) == [12, 10, 6, 6, 4, 4, 2, 1, 1]


def test_decreasing_by_stages_keeps_a_least_but_raises_nobody():
    schedule = Decreasing(plan(steps=12), exponent=1.0, every=10, least=3)
    assert table(schedule, 0, [0, 9, 10, 20, 30, 90]) == [12, 12, 6, 4, 3, 3]
    assert table(schedule, 1, [0, 10, 90]) == [4, 3, 3]
    assert table(schedule, 2, [0, 10, 90]) == [-2, -2, -2]


def steps_plan(rate, **overrides):
    return LocalPlan(("fast", "slow"), 8, rate, steps=4, overrides=overrides)


def test_quadratic_is_the_square_of_alpha_over_the_rate_above_its_base():
    rate = LearningRate(0.4, "step", factor=0.5, every=10)  # 0.4, 0.2, 0.1, 0.05
    schedule = Quadratic(steps_plan(rate, slow=ClassWork(steps=20)), alpha=0.3)
    # (0.3 / eta)^2 = 0.5625, 2.25, 9, 36
    assert amounts(schedule, [0, 10, 20, 30]) == [(4, 20), (4, 20), (9, 20), (36, 36)]


def test_quadratic_is_capped_and_never_without_end():
    rate = LearningRate(0.4, "step", factor=0.001, every=1)
    capped = Quadratic(steps_plan(rate), alpha=0.3, most=7)
    assert table(capped, 0, [0, 1, 500]) == [4, 7, 7]  # the rate at 500 is below the least float64
    assert table(Quadratic(steps_plan(rate), alpha=0.3), 0, [1, 500]) == [MOST, MOST]


def test_quadratic_does_not_take_a_warm_up_for_a_late_version():
    rate = LearningRate(0.1, "step", factor=0.5, every=100, warm_up=9)  # 0.01 at version 0
    schedule = Quadratic(steps_plan(rate), alpha=0.3)
    assert table(schedule, 0, [0, 50, 100]) == [9, 9, 36]


def test_quadratic_refuses_epochs():
    with pytest.raises(ValueError, match="class 'lazy' train 2 epochs"):
        Quadratic(plan())


def test_a_class_with_more_than_the_common_cap_keeps_its_own():
    assert table(LinearGrowth(plan(steps=20_000), growth=1.0), 0, [0, 5]) == [20_000, 20_000]


@pytest.mark.parametrize("kind", [Fixed, PostLocal, LinearGrowth, Decreasing])
def test_every_window_uploads_and_nothing_is_kept(kind):
    schedule = kind(plan())
    assert schedule.uploads(np.array([0, 1, 7])).all()
    assert not schedule.keeps_unsent
    assert schedule.max_age is None


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (PostLocal, {"switch": 0}, r"switch\(=0\) must be at least 1"),
        (LinearGrowth, {"growth": 0.0}, r"growth\(=0.0\) must be a finite number above 0"),
        (LinearGrowth, {"growth": float("inf")}, r"growth\(=inf\)"),
        (LinearGrowth, {"every": 0}, r"every\(=0\) must be at least 1"),
        (LinearGrowth, {"most": 0}, r"most\(=0\) must be at least 1"),
        (Decreasing, {"exponent": -1.0}, r"exponent\(=-1.0\)"),
        (Decreasing, {"every": 0}, r"every\(=0\)"),
        (Decreasing, {"least": 0}, r"least\(=0\)"),
        (Quadratic, {"alpha": 0.0}, r"alpha\(=0.0\)"),
        (Quadratic, {"most": 0}, r"most\(=0\)"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(kind, given, message):
    with pytest.raises(ValueError, match=message):
        kind(plan(), **given)


def test_rounding_forgives_what_floating_point_loses():
    assert (0.3 / 0.1) ** 2 < 9.0  # so that the plain floor would be 8
    assert floor((0.3 / 0.1) ** 2) == 9
    assert ceil(0.1 * 3 * 10) == 3  # 3.0000000000000004
    assert (floor(2.9), ceil(2.1)) == (2, 3)
