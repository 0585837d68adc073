"""Answers that would have sent a recorded fleet another way."""

import re

import pytest

from gboard_sim import simulate
from gboard_sim.errors import TimingChangedError
from gboard_sim.experiment import file as experiment_file

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = {
    "run.versions": 5,
    "run.workers": 1,
    "run.checkpoint_every": 1,
    "fleet.phones": 40,
    "text.messages_per_user": 20,
    "evaluation.baselines": False,
    "evaluation.test_messages": 50,
    "evaluation.every": 1,
}


def load(schedule, **changes):
    return experiment_file.load("smoke", overrides=SMALL | {"schedule": schedule} | changes)


def first_from(made, version):
    """The first session that began at a version or later."""
    rows = made.table("sessions").select(["session", "version"]).to_pylist()
    return min((r["session"] for r in rows if r["version"] >= version), default=len(rows))


def changed_at(asked, recorded, out):
    with pytest.raises(TimingChangedError) as refused:
        simulate.relearn(asked, recorded.directory.path, out=out)
    assert not out.exists()
    found = re.match(r"timing changed at session (\d+) of ", str(refused.value))
    assert found
    return int(found[1])


def test_work_that_follows_the_loss_is_compared_version_by_version(tmp_path):
    schedule = {"name": "adacomm", "every": 1}
    many = {"training.steps": 40, "run.versions": 3}
    recorded = simulate.run(load(schedule, **many), out=tmp_path / "recorded")
    same = load(schedule, **many)
    again = simulate.relearn(same, recorded.directory.path, out=tmp_path / "again")
    assert again.summary["parameters_sha256"] == recorded.summary["parameters_sha256"]
    # Rates that teach nothing leave the loss as it was, so that H is halved each time.
    slow = {"training.learning_rate": 1e-6, "server.learning_rate": 1e-6}
    other = load(schedule, **many, **slow)
    own = simulate.run(other, out=tmp_path / "own")
    steps = [
        {row["version"]: row["local"][0]["steps"] for row in made.table("answers").to_pylist()}
        for made in (recorded, own)
    ]
    version = min(v for v in steps[0] if steps[0][v] != steps[1].get(v))
    assert changed_at(other, recorded, tmp_path / "out") == first_from(recorded, version)


def test_work_that_follows_the_rate_is_compared_upload_by_upload(tmp_path):
    schedule = {"name": "quadratic", "alpha": 2.3}  # floor(2.3^2) = 5 steps
    recorded = simulate.run(load(schedule), out=tmp_path / "recorded")
    same = load(schedule, **{"training.learning_rate": 1.01})
    simulate.relearn(same, recorded.directory.path, out=tmp_path / "same")  # 5 steps still
    other = load(schedule, **{"training.learning_rate": 0.9})  # floor((2.3 / 0.9)^2) = 6
    cohorts = recorded.table("cohorts").to_pylist()
    assert changed_at(other, recorded, tmp_path / "out") == cohorts[0]["session"]


def test_a_run_that_would_have_stopped_or_gone_on_is_another(tmp_path):
    stops = {"run.target_recall_at_3": 0.05}
    schedule = {"name": "fixed"}
    recorded = simulate.run(load(schedule, **stops), out=tmp_path / "recorded")
    assert recorded.summary["stop_reason"] == "target_recall"
    versions = recorded.summary["versions"]
    slower = load(schedule, **stops, **{"training.learning_rate": 1e-3})
    found = changed_at(slower, recorded, tmp_path / "out")
    assert found == first_from(recorded, versions)
