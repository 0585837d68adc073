"""Privacy at a trusted server in whole runs: the claim, the ledger, the bits, the refusals."""

import json

import pytest

import gboard_sim
from gboard_sim import epsilon, simulate
from gboard_sim.errors import GboardSimError
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.model_spec import parameters_of
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=3", "fleet.phones=40", "text.messages_per_user=20", "run.workers=1",
    "evaluation.baselines=false", "evaluation.test_messages=50", "run.checkpoint_every=1",
    'server.weights="uniform"',
]  # fmt: skip
PRIVACY = {"noise_multiplier": 1.0, "clip": 0.5, "delta": 1e-3}


def load(mechanism="central_gaussian", *more, **privacy):
    keys = {"mechanism": mechanism} | PRIVACY | privacy
    table = ", ".join(f"{k} = {json.dumps(v) if not isinstance(v, dict) else inline(v)}"
                      for k, v in keys.items() if v is not None)  # fmt: skip
    overrides = [*SMALL, f"privacy={{ {table} }}", *more]
    return gboard_sim.load("smoke", variant="every-window", overrides=overrides)


def inline(table):
    return "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in table.items()) + " }"


def ledger(path):
    return json.loads((path / "ledger.json").read_text())


class KilledError(Exception):
    pass


def kill_at_2(step):
    if step.version == 2:
        raise KilledError


CASES = [
    ("central_gaussian", {"adaptive_clip": {"bit_noise": 2.0}}),
    ("tree", {}),
    ("banded", {"bands": 2}),
    ("blt", {"adaptive_clip": {"bit_noise": 2.0, "versions": 1}}),
]


@pytest.mark.parametrize(("mechanism", "keys"), CASES, ids=[case[0] for case in CASES])
def test_a_run_keeps_its_claim_and_its_bits_over_workers_and_when_killed(tmp_path, mechanism, keys):
    separate = f"protocol.separation_versions={2 if mechanism == 'banded' else 1}"
    experiment = load(mechanism, separate, **keys)
    one = gboard_sim.run(experiment, out=tmp_path / "one")
    said = ledger(tmp_path / "one")
    assert said["broken"] is None
    assert [event["version"] for event in said["events"]] == [1, 2, 3]
    assert {event["mechanism"] for event in said["events"]} == {mechanism}
    assert 0.0 < one.summary["epsilon_realised"] <= one.summary["epsilon_policy"]
    assert one.summary["privacy_trusted"] == "server"
    again = epsilon.of_run(tmp_path / "one")
    assert again["epsilon_policy"] == one.summary["epsilon_policy"]
    assert again["epsilon_realised"] == one.summary["epsilon_realised"]

    several = load(mechanism, separate, "run.workers=2", "run.lookahead=0", **keys)
    two = gboard_sim.run(several, out=tmp_path / "two")
    assert bits(two.directory.path) == bits(one.directory.path)

    with pytest.raises(KilledError):
        simulate.run(experiment, out=tmp_path / "k", watch=kill_at_2)
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(tmp_path / "one")


def test_an_event_is_written_down_before_its_version_is_published(tmp_path, monkeypatch):
    write = Snapshots.write

    def dies(self, version, parameters):
        if version == 2:
            raise KilledError
        write(self, version, parameters)

    monkeypatch.setattr(Snapshots, "write", dies)
    with pytest.raises(KilledError):
        gboard_sim.run(load(), out=tmp_path / "run")
    assert [event["version"] for event in ledger(tmp_path / "run")["events"]] == [1, 2]
    monkeypatch.undo()
    simulate.resume(tmp_path / "run")
    assert [event["version"] for event in ledger(tmp_path / "run")["events"]] == [1, 2, 3]


def test_the_bit_of_an_adaptive_clip_is_a_byte_of_the_upload(tmp_path):
    fixed, adaptive = (
        gboard_sim.run(load("central_gaussian", "run.versions=1", **keys), out=tmp_path / name)
        for name, keys in (("fixed", {}), ("adaptive", {"adaptive_clip": {"bit_noise": 2.0}}))
    )
    (plain,), (with_bit,) = (
        set(run.table("cohorts")["payload_bytes"].to_pylist()) for run in (fixed, adaptive)
    )
    assert with_bit == plain + 1


def test_a_plan_says_what_it_takes_the_size_of_an_update_to_be():
    plan = epsilon.of_plan(load(), None)
    assert plan["parameters"] == parameters_of(load())
    assert "all of the" in plan["assumes"]
    assert plan["assumes"].endswith("does not depend")
    frozen = epsilon.of_plan(load("central_gaussian", 'training.word_rows="frozen"'), None)
    assert frozen["parameters"] < plan["parameters"]
    assert "assumes" not in frozen


def test_a_run_stops_when_its_epsilon_is_spent(tmp_path):
    two = epsilon.of_plan(load("central_gaussian", "run.versions=2"), None)["epsilon_policy"]
    run = gboard_sim.run(load(epsilon=1.0001 * two), out=tmp_path / "run")
    assert (run.summary["versions"], run.summary["stop_reason"]) == (2, "budget:epsilon")
    assert run.summary["epsilon_policy"] == pytest.approx(two)


def test_a_log_that_shows_a_broken_bound_has_no_epsilon(tmp_path):
    run = gboard_sim.run(load(), out=tmp_path / "run")
    assert epsilon.of_run(tmp_path / "run")["epsilon_policy"] == run.summary["epsilon_policy"]
    text = (tmp_path / "run" / "experiment.toml").read_text()
    assert "\nversions = 3\n" in text
    (tmp_path / "run" / "experiment.toml").write_text(
        text.replace("\nversions = 3", "\nversions = 2")
    )
    found = epsilon.of_run(tmp_path / "run")
    assert found["epsilon_policy"] is found["epsilon_realised"] is None
    assert found["broken"] == "3 versions were made; the claim allows 2"


def test_the_noise_of_a_larger_cohort_prints_what_it_is(tmp_path):
    run = gboard_sim.run(load(noise_cohort=800), out=tmp_path / "run")
    assert run.summary["epsilon_policy"] is run.summary["epsilon_realised"] is None
    assert run.summary["privacy_extrapolated"] == "extrapolated: population 4000, cohort 800"
    assert run.summary["epsilon_extrapolated"] > 0.0
    assert ledger(tmp_path / "run")["events"][0]["deviation"] == pytest.approx(0.5 * 8 / 800)


@pytest.mark.parametrize("target", [0.5, 4.0])
def test_a_plan_is_calibrated_to_a_target(target):
    plan = epsilon.of_plan(load(), target)
    assert plan["epsilon_policy"] == pytest.approx(target, rel=1e-6)
    noisy = load(noise_multiplier=plan["noise_multiplier"])
    assert epsilon.of_plan(noisy, None)["epsilon_policy"] == pytest.approx(target, rel=1e-6)


@pytest.mark.parametrize("target", [-1.0, 0.0, 1e7, float("nan")])
def test_a_target_that_is_no_epsilon_is_refused(target):
    with pytest.raises(GboardSimError, match=r"--target .* is not allowed: must be between"):
        epsilon.of_plan(load(), target)
    with pytest.raises(GboardSimError, match="nothing is claimed"):
        epsilon.of_plan(gboard_sim.load("smoke"), 1.0)


def test_a_delta_of_one_phone_or_more_is_warned_of():
    (warning,) = epsilon.of_plan(load(delta=0.05), None)["warnings"]
    assert "delta(=0.05) is not below 1/40" in warning


@pytest.mark.parametrize(
    ("more", "keys", "words"),
    [
        (['server.weights="examples"'], {}, ["weights 'examples' cannot compose"]),
        (['codec.lossless="zstd"'], {}, ["codec.lossless(='zstd')", "length of a payload"]),
        (["schedule.name=adacomm", "schedule.least=1"], {}, ["adacomm"]),
        (['protocol.selector="utility"'], {}, ["selector(='utility')", "losses without noise"]),
        (
            ["federated_evaluation={ every = 1, goal = 4 }"],
            {},
            ["[federated_evaluation]", "outside the claim"],
        ),
        ([], {"max_uploads": 3}, ["max_uploads(=3) does nothing"]),
        ([], {"noise_multiplier": None}, ["needs epsilon or noise_multiplier"]),
        ([], {"clip": None}, ["needs clip"]),
        ([], {"noise_cohort": 7}, ["privacy.noise_cohort(=7)", "at least the denominator"]),
        ([], {"adaptive_clip": {"bit_noise": 0.5}}, ["below twice the bits' noise"]),
        ([], {"epsilon": 0.1}, ["epsilon(=0.1) is spent by the first version"]),
        (
            ["protocol={ kind = 'buffered', goal = 8, concurrency = 9 }"],
            {"adaptive_clip": {"bit_noise": 3.0}},
            ["privacy.adaptive_clip", "several clips"],
        ),
    ],
)
def test_what_a_trusted_server_cannot_cover_is_refused_with_the_reason(tmp_path, more, keys, words):
    with pytest.raises(GboardSimError) as refused:
        gboard_sim.run(load("central_gaussian", *more, **keys), out=tmp_path / "run")
    for word in words:
        assert word in str(refused.value)


def test_staleness_only_ever_lowers_an_upload_of_a_buffer(tmp_path):
    buffered = "protocol={ kind = 'buffered', goal = 4, concurrency = 8, separation_versions = 2 }"
    run = gboard_sim.run(load("central_gaussian", buffered), out=tmp_path / "run")
    assert max(run.table("cohorts")["weight"].to_pylist()) <= 1.0
    assert ledger(tmp_path / "run")["broken"] is None
    assert ledger(tmp_path / "run")["seen"]["separation"] >= 2


COINS = "protocol={ kind = 'poisson', goal = 2, deadline_s = 300, selection_timeout_s = 900 }"


def test_secret_coins_amplify_and_a_version_of_nobody_is_noise(tmp_path):
    run = gboard_sim.run(load("central_gaussian", COINS), out=tmp_path / "run")
    plain = epsilon.of_plan(load(), None)["epsilon_policy"]
    assert 0.0 < run.summary["epsilon_policy"] < plain
    assert ledger(tmp_path / "run")["broken"] is None
    assert (
        "whom the coins draw stays secret with the server" in ledger(tmp_path / "run")["sentence"]
    )
    assert 0 in run.table("versions")["uploads"].to_pylist()
    assert run.summary["versions"] == 3


@pytest.mark.parametrize(
    ("mechanism", "more", "keys", "words"),
    [
        ("blt", [COINS], {}, "amplifies independent noise alone"),
        ("central_gaussian", [COINS, "network.server_up_mbit_per_s=9.0"], {}, "delay others"),
        ("central_gaussian", [], {"accountant": "rdp"}, "accountant(='rdp') does nothing"),
        (
            "central_gaussian", [COINS, "run.budget.uplink_mb_per_phone=0.02"], {},
            "follows from whom the coins drew",
        ),
        ("blt", [], {"adaptive_clip": {"bit_noise": 3.0}}, "needs adaptive_clip.versions"),
        (
            "tree", [], {"adaptive_clip": {"bit_noise": 3.0, "versions": 3}},
            "adaptive_clip.versions(=3) must be below run.versions(=3)",
        ),
        ("banded", [], {"bands": 2}, "bands(=2) must be at most the enforced separation"),
    ],
)  # fmt: skip
def test_what_the_protocol_cannot_honour_is_refused(tmp_path, mechanism, more, keys, words):
    with pytest.raises(GboardSimError) as refused:
        gboard_sim.run(load(mechanism, *more, **keys), out=tmp_path / "run")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("server.weights=examples", "set server.weights to uniform"),
        ("schedule.name=lazy", "its silence would leave it without noise"),
        ("schedule.name=adacomm", "follows the phones' training loss"),
        ("training.word_rows=typed", "tells which words it typed"),
        ("schedule.name=nightly", "must be one of"),
    ],
)
def test_a_plan_has_no_epsilon_where_a_run_is_refused(tmp_path, more, words):
    asked = load("central_gaussian", more)
    for refused in (
        lambda: epsilon.of_plan(asked, None),
        lambda: gboard_sim.run(asked, out=tmp_path),
    ):
        with pytest.raises(GboardSimError, match=words):
            refused()


def test_delta_is_held_against_the_fleet_that_epsilon_is_extrapolated_to():
    made = epsilon.of_plan(load("central_gaussian", delta=1e-6, noise_cohort=5_000_000), None)
    assert "not below 1/" in " ".join(made["warnings"])
    assert made["epsilon_policy"] is None


@pytest.mark.parametrize(("more", "keys"), [([COINS], {}), ([], {"noise_cohort": 5000})])
def test_a_plan_for_a_corpus_has_no_epsilon_that_goes_by_its_users(more, keys):
    with pytest.raises(GboardSimError, match="goes by the number of phones"):
        epsilon.of_plan(load("central_gaussian", *more, "fleet.phones=all", **keys), None)
