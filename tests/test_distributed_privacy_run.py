"""Distributed mechanisms in whole runs: claim, bytes, and the same bits however they are run."""

import json

import numpy as np
import pytest

import gboard_sim
from gboard_sim import simulate
from gboard_sim.errors import ExperimentError, IncompatibleError
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=3", "fleet.phones=40", "text.messages_per_user=20", "run.workers=1",
    "evaluation.baselines=false", "evaluation.test_messages=50", "run.checkpoint_every=1",
]  # fmt: skip
BOTH = ["distributed_skellam", "distributed_discrete_gaussian"]
PARAMETERS = 67_152  # of the model of `smoke` over the words of so little text
# Two keys, sealed shares for ten other phones, eleven shares told.
BESIDE = 2 * 32 + 10 * (2 * 32 + 16) + 11 * 32


def load(mechanism, *more):
    named = [f"privacy.mechanism={mechanism}", "codec.name=modular"]
    return gboard_sim.load("smoke", variant="local-dp", overrides=[*SMALL, *named, *more])


class KilledError(Exception):
    pass


@pytest.mark.parametrize("mechanism", BOTH)
def test_a_run_keeps_its_claim_and_its_bits_over_workers_and_when_killed(tmp_path, mechanism):
    one = gboard_sim.run(load(mechanism), out=tmp_path / "one")
    assert one.summary["epsilon_policy"] == pytest.approx(8.0, rel=1e-4)
    assert one.summary["epsilon_policy"] <= 8.0
    assert 0.0 < one.summary["epsilon_realised"] <= one.summary["epsilon_policy"]
    assert one.summary["privacy_trusted"] == "aggregation"
    ledger = json.loads((tmp_path / "one" / "ledger.json").read_text())
    assert ledger["broken"] is None
    assert [event["mechanism"] for event in ledger["events"]] == [mechanism] * 3
    assert "sums of at least 6 of the 11 phones selected" in str(ledger["leaves_phone"])

    two = gboard_sim.run(load(mechanism, "run.workers=2", "run.lookahead=0"), out=tmp_path / "two")
    assert bits(two.directory.path) == bits(one.directory.path)

    def kill(step):
        if step.version == 2:
            raise KilledError

    with pytest.raises(KilledError):
        simulate.run(load(mechanism), out=tmp_path / "k", watch=kill)
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(one.directory.path)


@pytest.mark.parametrize("bits_each", [14, 20])
def test_phones_send_so_many_bits_and_the_messages_of_secure_aggregation(tmp_path, bits_each):
    made = gboard_sim.run(load(BOTH[0], f"codec.bits={bits_each}"), out=tmp_path / "run")
    assert made.summary["model_parameters"] == PARAMETERS
    size = 16 + PARAMETERS * bits_each // 8 + BESIDE
    assert set(made.table("cohorts")["payload_bytes"].to_pylist()) == {size}


@pytest.mark.parametrize(
    ("schedule", "downloaded"), [("every_kth", 0), ("fixed", 16 + 4 * PARAMETERS)]
)
def test_phones_are_sent_the_keys_and_shares_of_the_others(tmp_path, schedule, downloaded):
    # Whether they download the model for the same session or had it from the window before.
    more = ["schedule={name='fixed'}"] if schedule == "fixed" else []
    made = gboard_sim.run(load(BOTH[0], "run.versions=1", *more), out=tmp_path / "run")
    sessions = made.table("sessions").to_pydict()
    used = np.array(sessions["used_in"]) >= 0
    keys = 2 * 10 * 32 + 10 * (2 * 32 + 16)
    assert set(np.array(sessions["download_bytes"])[used].tolist()) == {downloaded + keys}
    facts = json.loads((tmp_path / "run" / "fleet.json").read_text())["secure_aggregation"]
    assert (facts["phones"], facts["threshold"]) == (11, 6)
    assert sum(part["up_bytes"] for part in facts["rounds"]) == 2 * PARAMETERS + BESIDE
    assert sum(part["down_bytes"] for part in facts["rounds"]) == keys


def test_without_noise_the_model_is_the_one_of_plain_averaging(tmp_path):
    # Rotated, rounded, summed in the ring and turned back: what rounding leaves is next to nothing.
    lossless = ["privacy.epsilon=inf", "privacy.clip=1e3", "codec.bits=24", "run.versions=1"]
    server = ["server.optimizer=fed_avg", "server.learning_rate=1.0"]
    summed = gboard_sim.run(load(BOTH[0], *lossless, *server), out=tmp_path / "summed")
    plain = gboard_sim.run(
        load("local_gaussian", *lossless[:2], *server, "run.versions=1", "codec.name=fp32"),
        out=tmp_path / "plain",
    )
    norms = [run.table("versions")["update_norm"][0].as_py() for run in (summed, plain)]
    assert norms[0] == pytest.approx(norms[1], rel=0.01)
    assert summed.summary["epsilon_policy"] == "infinity"


def test_the_noise_of_a_release_is_the_predicted_one(tmp_path):
    # A tiny clip leaves noise alone: the norm of the mean is its deviation times sqrt(P).
    made = gboard_sim.run(
        load(BOTH[1], "privacy.clip=1e-6", "server.optimizer=fed_avg", "server.learning_rate=1.0"),
        out=tmp_path / "run",
    )
    ledger = json.loads((tmp_path / "run" / "ledger.json").read_text())
    norms = np.array(made.table("versions")["update_norm"].to_pylist())
    uploads = np.array(made.table("versions")["uploads"].to_pylist())
    predicted = np.array([event["deviation"] for event in ledger["events"]]) / uploads
    assert norms / np.sqrt(PARAMETERS) == pytest.approx(predicted, rel=0.02)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["codec.name=fp32"], "set codec.name to modular"),
        (["codec.bits=4"], r"bits\(=4\) are too few for sums of 8 updates .*; raise codec.bits"),
        (["codec.bits=30"], r"bits\(=30\) must be between 1 and 24"),
        (["codec.lossless=zstd"], "lossless"),
        (["protocol.kind=buffered", "protocol.concurrency=12"], "an asynchronous buffer has none"),
        (["protocol.minimum=4"], "protocol.minimum = 4 must be above half of the 11 phones"),
        (["privacy.colluders=6"], "colluders must be fewer than protocol.minimum"),
        (["server.weights=examples"], "would leave the phone without noise"),
        (["privacy.delta=0"], r"delta\(=0.0\) must be above 0"),
        (["privacy.shuffled=true"], r"shuffled\(=True\) does nothing"),
    ],
)
def test_what_cannot_be_promised_is_refused(tmp_path, overrides, message):
    with pytest.raises((ExperimentError, IncompatibleError), match=message):
        gboard_sim.run(load(BOTH[0], *overrides), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
