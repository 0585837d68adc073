"""Payloads that arrive damaged: paid for, counted, and in no cohort."""

import json

import numpy as np
import pytest

import gboard_sim
from gboard_sim import simulate
from gboard_sim.errors import ExperimentError

pytestmark = pytest.mark.usefixtures("trains_here")

FLEET = ["fleet.phones=400", "protocol.goal=20", "run.versions=20", "schedule.name=fixed"]
VARIANTS = {
    "rounds": [],
    "buffered": ["protocol.kind=buffered", "protocol.concurrency=30"],
    "shared": ["network.server_up_mbit_per_s=200"],
    "kept": ["schedule.name=every_kth", "schedule.k=2"],
}


def load(*more):
    return gboard_sim.load("smoke", overrides=[*FLEET, *more])


@pytest.mark.parametrize("variant", VARIANTS)
def test_damaged_uploads_are_paid_for_counted_and_never_used(tmp_path, variant):
    sets = [*VARIANTS[variant], "network.corruption=0.3"]
    run = simulate.run_fleet(load(*sets), out=tmp_path / "run")
    sessions = run.table("sessions").to_pylist()
    damaged = [row for row in sessions if row["shape"].endswith("+*#")]
    arrived = sum(row["shape"].endswith(("+^", "+#", "+*#")) for row in sessions)
    assert run.summary["uploads_corrupt"] == len(damaged)
    assert abs(len(damaged) - 0.3 * arrived) < 4 * (0.21 * arrived) ** 0.5
    cohorts = run.table("cohorts")
    whole = set(cohorts["payload_bytes"].to_pylist())
    assert {row["upload_bytes"] for row in damaged} == whole
    assert {row["used_in"] for row in damaged} == {-1}
    assert not {row["session"] for row in damaged} & set(cohorts["session"].to_pylist())
    unused = sum(row["upload_bytes"] for row in sessions if row["shape"].endswith("#"))
    assert run.summary["uplink_bytes_by_purpose"]["unused"] == unused


def test_no_learner_ever_reads_one_and_workers_change_nothing(tmp_path):
    small = [
        "fleet.phones=60", "protocol.goal=6", "run.versions=4", "network.corruption=0.2",
        "evaluation.baselines=false", "codec.name=one_bit", "codec.error_feedback=true",
        "codec.after_rejection=discard",
    ]  # fmt: skip
    found = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        gboard_sim.run(load(*small, f"run.workers={workers}"), out=out)
        found.append(json.loads((out / "summary.json").read_text()))
        del found[-1]["machine"]
    assert found[0] == found[1]
    assert found[0]["uploads_corrupt"] > 0
    assert found[0]["sessions_trained_unused"] == 0


def test_without_corruption_nothing_changes_and_certain_corruption_is_refused(tmp_path):
    plain = simulate.run_fleet(load(), out=tmp_path / "plain")
    zero = simulate.run_fleet(load("network.corruption=0"), out=tmp_path / "zero")
    for name in ("sessions", "cohorts"):
        assert plain.table(name).equals(zero.table(name))
    assert plain.summary["uploads_corrupt"] == 0
    assert np.isfinite(plain.summary["uplink_bytes"])
    with pytest.raises(ExperimentError, match=r"network\.corruption"):
        load("network.corruption=1")
