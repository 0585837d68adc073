"""A budget of megabytes as windows in a cycle, by hand."""

import numpy as np
import pytest

from gboard_sim.communication import schedules
from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.data_budget import DataBudget
from gboard_sim.communication.schedules.every_kth import EveryKth

WORK = LocalPlan(("phone",), 8, LearningRate(0.5), steps=4)


@pytest.mark.parametrize(
    ("payload_bytes", "budget_mb", "windows", "k"),
    [
        (5_650_000, 10.0, 30.0, 17),  # 169.5 MB a month of which 10 are allowed: 16.95
        (5_650_000, 169.5, 30.0, 1),
        (5_650_000, 169.4, 30.0, 2),
        (5_650_000, 10.0, 60.0, 34),  # 33.9
        (100, 10.0, 30.0, 1),
        (1_000_000, 0.1, 30.0, 300),  # exactly, though 0.1 MB is not a whole number in binary
    ],
)
def test_k_is_the_least_whose_payloads_fit(payload_bytes, budget_mb, windows, k):
    schedule = DataBudget(WORK, budget_mb, windows).sized(payload_bytes)
    assert schedule.k == k
    assert payload_bytes * windows / k <= budget_mb * 1e6 * (1 + 1e-9)
    stints = np.arange(400)
    assert (schedule.uploads(stints) == EveryKth(WORK, k=k).uploads(stints)).all()
    assert schedule.name == "data_budget"


def test_the_payload_is_no_key_of_an_experiment():
    assert schedules.options("data_budget") == (
        "uplink_mb_per_month", "windows_per_month", "max_age",
    )  # fmt: skip
    with pytest.raises(ValueError, match="no option 'payload_bytes'"):
        schedules.build("data_budget", WORK, {"payload_bytes": 7})


@pytest.mark.parametrize("key", ["uplink_mb_per_month", "windows_per_month"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_a_value_out_of_range_is_named_with_its_range(key, value):
    with pytest.raises(ValueError, match=rf"{key}\(={value}\) must be a finite number above 0"):
        DataBudget(WORK, **{key: value})


def test_max_age_is_as_for_every_kth():
    assert DataBudget(WORK).keeps_unsent
    assert not DataBudget(WORK, max_age=0).keeps_unsent
    with pytest.raises(ValueError, match=r"max_age\(=-1\)"):
        DataBudget(WORK, max_age=-1)
