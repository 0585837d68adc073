"""Targets and what it takes to reach them, on courses that are followed by hand."""

import pytest

from gboard_sim.errors import GboardSimError
from gboard_sim.report.sweep_contents import COSTS, Setting
from gboard_sim.report.sweep_target import Target, cheapest, reach

UPLINK, DAYS, JOULES, EPSILON = COSTS[0], COSTS[2], COSTS[3], COSTS[4]


@pytest.mark.parametrize(
    ("text", "value", "relative"),
    [("95%", 0.95, True), ("0.95*", 0.95, True), ("0.3", 0.3, False), ("101%", 1.01, True)],
)
def test_targets_are_shares_or_recalls(text, value, relative):
    assert Target.parse(text) == Target(pytest.approx(value), relative)


@pytest.mark.parametrize("text", ["0", "-1%", "1.5", "300%", "nan", "much", "%", ""])
def test_another_target_is_refused(text):
    with pytest.raises(GboardSimError, match="--target"):
        Target.parse(text)


def course(recalls, *, mb=1.0):
    """One version a day, each for so many MB and ten joules."""
    return [
        {
            "version": v, "validation_recall_at_3": recall, "simulated_days": float(v),
            "uplink_bytes_per_phone_mean": 1e6 * mb * v,
            "downlink_bytes_per_phone_mean": 2e6 * mb * v,
            "energy_j_per_phone_mean": 10.0 * v,
            "energy_j_per_phone_mean_low": 5.0 * v,
            "energy_j_per_phone_mean_high": 30.0 * v,
        }
        for v, recall in enumerate(recalls)
    ]  # fmt: skip


def setting(number, courses, *, failed=0, epsilon=None):
    done = {
        seed: {"validation_recall_at_3": c[-1]["validation_recall_at_3"], "epsilon_policy": epsilon}
        for seed, c in courses.items()
    }
    return Setting(number, f"n={number}", {}, len(courses), failed, None, {}, done, courses)


BASE = setting(1, {1: course([0.1, 0.2, 0.3, 0.4]), 2: course([0.1, 0.1, 0.19, 0.2])})
QUICK = setting(
    2,
    {1: course([0.1, 0.39, 0.1, 0.1], mb=0.5), 2: course([0, 0, 0.195, 0], mb=0.5)},
    epsilon=4.0,
)
NEVER = setting(3, {1: course([0.4] * 4), 2: course([0.1] * 4)})


def test_a_share_is_of_the_baselines_last_recall_with_the_same_seed():
    found = reach(Target(0.95, True), QUICK, BASE)
    assert found.seeds == (1, 2)  # 0.39 of 0.38 asked at version 1; 0.195 of 0.19 at version 2
    assert (found.version.low, found.version.mean, found.version.high) == (1, 1.5, 2)
    assert found.costs[UPLINK.name].mean == pytest.approx(0.75)
    joules = found.costs[JOULES.name]
    assert (joules.low, joules.mean, joules.high) == (7.5, 15.0, 45.0)
    assert found.costs[EPSILON.name].mean == 4.0  # of the whole run
    # The baseline takes 3 and 2 MB there, and the setting 0.5 and 1.
    assert found.factors[UPLINK.name].mean == pytest.approx(12**0.5)
    assert EPSILON.name not in found.factors
    own = reach(Target(0.95, True), BASE, BASE)
    assert (own.version.low, own.version.high) == (2, 3)
    assert own.factors[DAYS.name].mean == 1


def test_a_recall_is_the_same_with_every_seed():
    found = reach(Target(0.3, False), BASE, BASE)
    assert (found.seeds, found.always) == ((1,), False)
    assert found.version.mean == 2


def test_the_cheapest_reaches_its_target_with_every_seed_at_the_least_cost():
    reaches = [reach(Target(0.95, True), one, BASE) for one in (BASE, QUICK, NEVER)]
    assert reaches[2].seeds == (1,)
    assert cheapest(reaches, UPLINK).setting is QUICK
    assert cheapest(reaches[:1] + reaches[2:], UPLINK).setting is BASE
    assert cheapest(reaches[2:], UPLINK) is None
    assert cheapest(reaches[:1], EPSILON) is None
    broken = setting(4, QUICK.courses, failed=1)
    assert not reach(Target(0.95, True), broken, BASE).always


def test_a_seed_that_the_baseline_lacks_reaches_no_share_of_it():
    alone = setting(5, {7: course([1.0])})
    assert reach(Target(0.5, True), alone, BASE).seeds == ()
    found = reach(Target(0.5, False), alone, BASE)
    assert found.costs[UPLINK.name].mean == 0  # version 0 costs nothing, and has no ratio
    assert found.factors == {}
