"""The moving average of versions in whole runs: judged and exported, and never trained from."""

import numpy as np
import pytest
from safetensors.numpy import load_file

import gboard_sim
from gboard_sim import simulate
from gboard_sim.learning.snapshots import Snapshots
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=6", "run.days=8", "fleet.phones=30", "text.messages_per_user=20",
    "run.workers=1", "evaluation.baselines=false", "evaluation.test_messages=50",
    "evaluation.every=4", "schedule.name=fixed", "protocol.goal=6", "run.checkpoint_every=1",
]  # fmt: skip
DECAY = 0.4


def load(*more):
    return gboard_sim.load("smoke", overrides=[*SMALL, *more])


def averaging(*more):
    return load(f"server.ema_decay={DECAY}", *more)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run with the average, and every version that it published."""
    published = {}
    write = Snapshots.write

    def seen(self, version, parameters):
        published[version] = np.array(parameters)
        write(self, version, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Snapshots, "write", seen)
        finished = gboard_sim.run(averaging(), out=tmp_path_factory.mktemp("run") / "run")
    return finished, {version: published[version] for version in range(7)}


def exported(finished):
    [weights] = (finished.directory.path / "artefacts").glob("*.safetensors")
    return np.concatenate([tensor.ravel() for tensor in load_file(weights).values()])


def test_what_is_exported_is_the_average_of_what_was_published(made):
    finished, published = made
    average = published[0].astype(np.float64)
    for version in range(1, 7):
        decay = min(DECAY, (1 + version) / (10 + version))
        average = decay * average + (1 - decay) * published[version]
    assert np.sort(exported(finished)) == pytest.approx(np.sort(average), abs=1e-6)
    assert np.sort(published[6]) != pytest.approx(np.sort(average), abs=1e-3)


def test_the_average_is_judged_and_phones_never_see_it(made, tmp_path):
    finished, _ = made
    plain = gboard_sim.run(load(), out=tmp_path / "run")
    for table in ("sessions", "cohorts", "versions"):
        assert finished.table(table).equals(plain.table(table))
    judged, alone = (run.table("evaluations").to_pylist() for run in (finished, plain))
    assert [row["version"] for row in judged] == [row["version"] for row in alone]
    last = [
        next(
            row["perplexity"] for row in rows if row["version"] == 6 and row["set"] == "validation"
        )
        for rows in (judged, alone)
    ]
    assert last[0] != last[1]


class KilledError(Exception):
    pass


def test_a_killed_run_goes_on_with_its_average_to_the_same_bits(made, tmp_path, monkeypatch):
    finished, _ = made
    write = Snapshots.write

    def killed(self, version, parameters):
        if version == 5:
            raise KilledError
        write(self, version, parameters)

    with monkeypatch.context() as patch:
        patch.setattr(Snapshots, "write", killed)
        with pytest.raises(KilledError):
            gboard_sim.run(averaging(), out=tmp_path / "run")
    simulate.resume(tmp_path / "run")
    assert bits(tmp_path / "run") == bits(finished.directory.path)
