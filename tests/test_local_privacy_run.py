"""Local mechanisms in whole runs: the claim, the ledger, and the same bits however a run is run."""

import json

import pytest

import gboard_sim
from gboard_sim import epsilon, simulate
from gboard_sim.errors import ExperimentError, IncompatibleError
from gboard_sim.privacy.priv_unit_calibration import calibrated
from gboard_sim.privacy.pure_claim import each_payload
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=3", "fleet.phones=40", "text.messages_per_user=20", "run.workers=1",
    "evaluation.baselines=false", "evaluation.test_messages=50", "run.checkpoint_every=1",
]  # fmt: skip
LOCAL = ["local_laplace", "priv_unit"]


def load(mechanism, *more):
    named = f"privacy.mechanism={mechanism}"
    return gboard_sim.load("smoke", variant="local-dp", overrides=[*SMALL, named, *more])


def events(path):
    return json.loads((path / "ledger.json").read_text())["events"]


class KilledError(Exception):
    pass


@pytest.mark.parametrize("mechanism", LOCAL)
def test_a_run_keeps_its_claim_and_its_bits_over_workers_and_when_killed(tmp_path, mechanism):
    one = gboard_sim.run(load(mechanism), out=tmp_path / "one")
    assert one.summary["epsilon_policy"] == pytest.approx(8.0, rel=1e-4)
    assert one.summary["epsilon_policy"] <= 8.0
    assert 0.0 < one.summary["epsilon_realised"] <= one.summary["epsilon_policy"]
    assert one.summary["privacy_trusted"] == "phone"
    ledger = json.loads((tmp_path / "one" / "ledger.json").read_text())
    assert ledger["broken"] is None
    assert {event["mechanism"] for event in ledger["events"]} == {mechanism}

    two = gboard_sim.run(load(mechanism, "run.workers=2", "run.lookahead=0"), out=tmp_path / "two")
    assert bits(two.directory.path) == bits(one.directory.path)

    def kill(step):
        if step.version == 2:
            raise KilledError

    with pytest.raises(KilledError):
        simulate.run(load(mechanism), out=tmp_path / "k", watch=kill)
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(one.directory.path)


def test_a_pure_mechanism_claims_a_sum_at_delta_zero(tmp_path):
    made = gboard_sim.run(load("local_laplace", "privacy.delta=0"), out=tmp_path / "run")
    assert made.summary["epsilon_policy"] == 8.0
    assert made.summary["privacy_delta"] == 0.0


@pytest.mark.parametrize("rows", ["all", "frozen"])
def test_priv_unit_is_calibrated_to_the_numbers_that_travel(tmp_path, rows):
    made = gboard_sim.run(load("priv_unit", f"training.word_rows={rows}"), out=tmp_path / "run")
    size = made.summary["parameters_on_wire"]  # of fewer words than were asked for, or of none
    assert (size == made.summary["model_parameters"]) == (rows == "all")
    assert epsilon.of_run(tmp_path / "run")["epsilon_policy"] == made.summary["epsilon_policy"]
    expected = calibrated(1.0, each_payload(8.0, 1e-3, 2, None), size, 1).noise_multiplier
    (multiplier,) = {event["noise_multiplier"] for event in events(tmp_path / "run")}
    assert multiplier == expected


def test_a_shuffler_is_named_as_trusted(tmp_path):
    made = gboard_sim.run(load("local_laplace", "privacy.shuffled=true"), out=tmp_path / "run")
    assert made.summary["privacy_trusted"] == "shuffler"


@pytest.mark.parametrize(
    ("mechanism", "overrides", "message"),
    [
        ("local_gaussian", ["privacy.delta=0"], r"delta\(=0.0\) must be above 0"),
        ("priv_unit", ["privacy.epsilon=5000"], r"epsilon\(=2500\) of one payload .* at most 600"),
        ("local_gaussian", ["privacy.shuffled=true"], r"shuffled\(=True\) does nothing with"),
        (
            "local_laplace",
            ["privacy.shuffled=true", "protocol.kind=buffered", "protocol.concurrency=12"],
            "shuffled = true needs protocol.kind = 'rounds'",
        ),
        (
            "local_laplace",
            ["privacy.shuffled=true", "codec={name='drive'}"],
            "would tell whose each is",
        ),
    ],
)
def test_what_cannot_be_promised_is_refused(tmp_path, mechanism, overrides, message):
    with pytest.raises((ExperimentError, IncompatibleError), match=message):
        gboard_sim.run(load(mechanism, *overrides), out=tmp_path / "run")
