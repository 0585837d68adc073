import warnings

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.cmfl import Cmfl
from gboard_sim.communication.schedules.fixed import Fixed
from gboard_sim.communication.schedules.lazy import Lazy
from gboard_sim.communication.schedules.norm_triggered import NormTriggered
from gboard_sim.course.held_back import warn_after, warn_before
from gboard_sim.errors import GboardSimWarning
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.tables import SCHEMAS

WORK = LocalPlan(("phone",), 8, LearningRate(0.5), steps=4)


def said(call):
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        call()
    assert all(warning.category is GboardSimWarning for warning in heard)
    return " | ".join(str(warning.message) for warning in heard)


@pytest.fixture
def directory(tmp_path):
    """Thirty measured updates, of norms 1 to 30; one that was measured for its size alone."""
    rows = [{"session": n, "norm": float(n), "sign_agreement": n / 100} for n in range(1, 31)]
    table = pa.Table.from_pylist([*rows, {"session": 0, "payload_bytes": 9}], SCHEMAS["answers"])
    pq.write_table(table, tmp_path / "answers.parquet")
    return RunDirectory(tmp_path)


def test_a_fleet_alone_has_no_updates_to_look_at():
    assert "'lazy' looks at updates" in said(lambda: warn_before(Lazy(WORK), learns=False))
    assert said(lambda: warn_before(Lazy(WORK), learns=True)) == ""
    assert said(lambda: warn_before(Fixed(WORK), learns=False)) == ""


def test_agreement_that_no_phone_reaches_is_spoken_of_before_the_run():
    assert "agreement = 0.8: to make version 2" in said(
        lambda: warn_before(Cmfl(WORK), learns=True)
    )
    assert said(lambda: warn_before(Cmfl(WORK, agreement=0.6), learns=True)) == ""


@pytest.mark.parametrize(
    ("schedule", "share", "words"),
    [
        (Lazy(WORK), 0.0, ["'lazy'", "held back 0.0%", "schedule.norm = 1", "norm of 30 updates"]),
        (NormTriggered(WORK, threshold=9.0), 0.96, ["96.0%", "schedule.threshold = 9"]),
        (Cmfl(WORK, agreement=0.5), 1.0, ["schedule.agreement = 0.5", "0.01 to 0.3", "0.155"]),
    ],
)
def test_nothing_and_nearly_all_are_spoken_of_with_what_was_measured(
    directory, schedule, share, words
):
    message = said(lambda: warn_after(directory, schedule, share))
    assert all(word in message for word in words), message
    assert f"{np.median(np.arange(1, 31)):g}" in message or "0.155" in message


@pytest.mark.parametrize(
    ("schedule", "share"),
    [(Lazy(WORK), 0.5), (Lazy(WORK), 0.95), (Lazy(WORK), None), (Fixed(WORK), 0.0)],
)
def test_the_rest_is_not_spoken_of(directory, schedule, share):
    assert said(lambda: warn_after(directory, schedule, share)) == ""


def test_a_few_updates_say_nothing(tmp_path):
    table = pa.Table.from_pylist([{"session": 1, "norm": 2.0}], SCHEMAS["answers"])
    pq.write_table(table, tmp_path / "answers.parquet")
    assert said(lambda: warn_after(RunDirectory(tmp_path), Lazy(WORK), 0.0)) == ""
