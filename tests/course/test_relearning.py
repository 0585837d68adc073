"""Re-learning a recorded fleet, against runs with a fleet of their own."""

import sys
from pathlib import Path

import pytest

from gboard_sim import simulate
from gboard_sim.cli import app as cli
from gboard_sim.errors import ExperimentError, RunDirectoryError
from gboard_sim.experiment import file as experiment_file
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = {
    "run.versions": 5,
    "run.workers": 1,
    "run.checkpoint_every": 2,
    "fleet.phones": 40,
    "text.messages_per_user": 20,
    "evaluation.baselines": False,
    "evaluation.test_messages": 50,
    "protocol.over_selection": 1.6,
    "codec.name": "drive",
    "sync": {},
    "federated_evaluation": {"every": 2, "goal": 4},
}
OTHER = {
    "training.learning_rate": 0.25,
    "server.optimizer": "fed_avg",
    "server.learning_rate": 1.0,
    "codec.scale": "least_error",
}


def load(**changes):
    return experiment_file.load("smoke", overrides=SMALL | changes)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    made = simulate.run(load(), out=tmp_path_factory.mktemp("recorded") / "run")
    assert made.table("dropouts").num_rows > 0
    assert set(made.table("cohorts")["task"].to_pylist()) == {"train", "evaluate"}
    return made.directory.path


def test_the_same_experiment_gives_the_same_bits(recorded, tmp_path):
    again = simulate.relearn(load(), recorded, out=tmp_path / "again")
    assert bits(again.directory.path) == bits(recorded)


def test_what_may_differ_gives_the_bits_of_a_fresh_run_over_workers_and_a_kill(recorded, tmp_path):
    fresh = simulate.run(load(**OTHER), out=tmp_path / "fresh")
    assert fresh.summary["parameters_sha256"] != bits(recorded)[0]["parameters_sha256"]
    machinery = {"run.workers": 2, "run.lookahead": 0}
    made = simulate.relearn(load(**OTHER, **machinery), recorded, out=tmp_path / "made")
    assert bits(made.directory.path) == bits(fresh.directory.path)

    class KilledError(Exception):
        pass

    def kill(step):
        if step.version == 4:
            raise KilledError

    with pytest.raises(KilledError):
        simulate.relearn(load(**OTHER), recorded, out=tmp_path / "killed", watch=kill)
    simulate.resume(tmp_path / "killed")  # with a fleet of its own, which says the same
    assert bits(tmp_path / "killed") == bits(fresh.directory.path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"training.steps": 5}, r"training\.steps = 5 .* which had 4"),
        ({"training.batch_size": 4}, r"training\.batch_size = 4 .* which had 8"),
        ({"run.seed": 2}, r"run\.seed = 2"),
        ({"fleet.phones": 50}, r"fleet\.phones = 50"),
        ({"schedule.k": 3}, r"schedule\.k = 3"),
        ({"protocol.goal": 7}, r"protocol\.goal = 7"),
        ({"server.weights": "uniform"}, r"server\.weights = 'uniform'"),
        ({"run.arm": "central"}, r"run\.arm = 'central'"),
        ({"codec.name": "fp16"}, r"codec\.name = 'fp16' .* payloads have 134,320 bytes"),
        ({"codec.lossless": "zstd"}, r"set codec\.lossless to none"),
    ],
)
def test_what_touches_the_fleet_is_refused_with_the_key_and_leaves_nothing(
    recorded, tmp_path, changes, said
):
    asked = load(**changes)
    with pytest.raises(ExperimentError, match=said):
        simulate.relearn(asked, recorded, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_fleet_whose_phones_looked_at_their_updates_is_refused(tmp_path):
    looks = load(**{"schedule": {"name": "lazy"}, "run.versions": 1})
    simulate.run(looks, out=tmp_path / "looks")
    with pytest.raises(ExperimentError, match=r"schedule\.name = 'lazy' .* look at each update"):
        simulate.relearn(looks, tmp_path / "looks", out=tmp_path / "out")


def test_a_run_without_text_or_without_an_end_is_refused(recorded, tmp_path):
    simulate.run_fleet(load(sync=None, federated_evaluation=None), out=tmp_path / "fleet")
    with pytest.raises(RunDirectoryError, match="a run of the fleet alone"):
        simulate.relearn(load(), tmp_path / "fleet", out=tmp_path / "out")
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        simulate.relearn(load(), tmp_path, out=tmp_path / "out")


def test_the_command_takes_the_experiment_of_the_run(recorded, tmp_path, monkeypatch, capsys):
    def said(*arguments):
        monkeypatch.setattr(sys, "argv", ["gboard-sim", "run", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, capsys.readouterr().err

    assert said("--fleet-of", recorded, "--out", tmp_path / "made", "--quiet") == (0, "")
    assert bits(tmp_path / "made") == bits(recorded)
    code, message = said("--fleet-of", recorded, "--resume", recorded)
    assert (code, "--resume" in message) == (2, True)
    code, message = said("smoke", "--fleet-of", recorded, "--out", tmp_path / "x", "--quiet")
    assert code == 2
    assert "is not allowed with the fleet of" in message
