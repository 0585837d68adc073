"""Whole runs on real parts: what they leave, that they repeat, and that they survive."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file

import gboard_sim
from gboard_sim import catalogue, simulate
from gboard_sim.errors import CorpusError, ExperimentError, RunDirectoryError
from gboard_sim.learning.model.graphs import GRAPH_NAMES

DERIVED_FROM_THE_MACHINE = {"machine"}
ALONE = ["run.workers=1", "evaluation.baselines=false"]  # where neither is the claim
SMALL = [*ALONE, "run.versions=4", "fleet.phones=40", "text.messages_per_user=20"]


def facts(path: Path) -> dict:
    summary = json.loads((path / "summary.json").read_text())
    return {k: v for k, v in summary.items() if k not in DERIVED_FROM_THE_MACHINE}


def files(path: Path) -> dict[str, bytes]:
    """Everything that a run writes and that must not depend on the machine or its workers."""
    depends = {"summary.json", "report.html", "experiment.toml"}
    found = {p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file()}
    kept = (n for n in found if n not in depends and not n.startswith("figures/"))
    return {name: found[name].read_bytes() for name in kept}


def start(out: Path, *more: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "gboard_sim", "run", "smoke", "--quiet", "--out", str(out)]
    return subprocess.Popen([*command, *more], start_new_session=True)


def test_a_run_leaves_what_the_run_directory_promises(smoke, smoke_path):
    names = {path.name for path in smoke_path.iterdir()}
    assert names >= {
        "experiment.toml", "provenance.json", "sessions.parquet", "cohorts.parquet",
        "answers.parquet", "versions.parquet", "evaluations.parquet", "fleet.json",
        "summary.json", "artefacts",
    }  # fmt: skip
    assert not names & {"journal", "checkpoints"}
    assert not list(smoke_path.rglob("*.partial"))
    assert facts(smoke_path) == {k: v for k, v in smoke.summary.items() if k != "machine"}


def test_the_summary_agrees_with_the_tables(smoke):
    sessions, versions = smoke.table("sessions"), smoke.table("versions")
    shapes = np.unique(sessions["shape"].to_numpy(), return_counts=True)
    summary = smoke.summary
    assert summary["session_shapes"] == dict(zip(shapes[0], shapes[1].tolist(), strict=True))
    assert summary["uplink_bytes"] == sum(sessions["upload_bytes"].to_pylist())
    assert summary["uplink_bytes"] == sum(summary["uplink_bytes_by_purpose"].values())
    assert summary["downlink_bytes"] == sum(sessions["download_bytes"].to_pylist())
    assert summary["versions"] == versions.num_rows == summary["rounds"]
    assert summary["sessions_trained"] == smoke.table("cohorts").num_rows
    assert summary["trained_tokens"] == sum(versions["trained_tokens"].to_pylist())
    # A model is its float32 parameters and a header of 16 bytes; lost packets are sent again.
    lost = catalogue.read("devices/networks", "wifi")["loss_share"]["value"]
    model = int((4 * summary["model_parameters"] + 16) / (1.0 - lost))
    used = [b for b, v in zip(*map(list, (sessions["upload_bytes"].to_pylist(),
            sessions["used_in"].to_pylist())), strict=True) if v >= 0]  # fmt: skip
    assert set(used) == {model}


def test_learning_beats_the_random_start_and_no_recall_passes_the_ceiling(smoke):
    summary = smoke.summary
    assert (
        summary["recall_at_3_version_0"] < summary["recall_at_3"] < summary["ceiling_recall_at_3"]
    )
    assert summary["unigram_recall_at_3"] < summary["ngram_recall_at_3"]
    losses = smoke.table("versions")["loss"].to_pylist()
    assert losses[-1] < losses[0]


def test_the_artefacts_are_the_last_version_and_valid_graphs(smoke, smoke_path):
    manifest = json.loads((smoke_path / "artefacts/manifest.json").read_text())
    tensors = load_file(smoke_path / "artefacts/parameters.safetensors")
    assert sum(t.size for t in tensors.values()) == smoke.summary["model_parameters"]
    assert manifest["recall_at_3"] == smoke.summary["recall_at_3"]
    for name in GRAPH_NAMES:
        onnx.checker.check_model(onnx.load(smoke_path / "artefacts" / f"{name}.onnx"))


@pytest.mark.parametrize(
    "override", ["run.workers=1", "run.workers=4", "run.lookahead=0", "run.lookahead=3"]
)
def test_the_bits_do_not_depend_on_workers_or_lookahead(smoke_path, tmp_path, override):
    again = gboard_sim.run(gboard_sim.load("smoke", overrides=[override]), out=tmp_path / "run")
    assert facts(again.directory.path) == facts(smoke_path)
    assert files(again.directory.path) == files(smoke_path)


def test_cohorts_of_several_chunks_have_the_same_bits_over_workers(tmp_path):
    more = ["protocol.goal=20", "run.versions=4", "fleet.phones=80"]
    made = [
        gboard_sim.run(gboard_sim.load("smoke", overrides=[*more, f"run.workers={n}"]), out=out)
        for n, out in ((1, tmp_path / "one"), (3, tmp_path / "three"))
    ]
    assert made[0].table("versions")["uploads"].to_pylist()[0] > 8
    assert files(tmp_path / "one") == files(tmp_path / "three")


@pytest.mark.parametrize("arm", ["federated", "central", "local-only"])
def test_dropout_is_in_every_arm_and_its_bits_do_not_depend_on_workers(tmp_path, arm):
    more = [f"run.arm={arm}", "run.versions=3"]
    dropping = [*more, "training.dropout=0.3"]
    variants = {
        "without": more,
        "one": [*dropping, "run.workers=1"],
        "two": [*dropping, "run.workers=2", "run.lookahead=4"],
    }
    made = {
        name: gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / name)
        for name, overrides in variants.items()
    }
    assert files(tmp_path / "one") == files(tmp_path / "two")
    judged = {name: run.table("evaluations").to_pylist() for name, run in made.items()}
    assert judged["one"] == judged["two"]
    assert judged["one"] != judged["without"]


def test_phones_that_train_together_make_the_run_that_they_make_one_by_one(tmp_path):
    """Cohorts of four chunks, trained ten phones at once in torch."""
    more = ["protocol.goal=20", "protocol.minimum=20", "run.versions=3", "fleet.phones=80"]
    more += ["schedule.name=every_kth", "schedule.k=2", "server.optimizer=fed_avg"]
    torch = [*more, "training.trainer=torch", "training.phones_together=10"]
    variants = {
        "one by one": [*more, *ALONE],
        "together": [*torch, *ALONE, "run.lookahead=0"],
        "again": [*torch, *ALONE, "run.workers=2", "run.lookahead=4"],
    }
    last = {}
    for name, overrides in variants.items():
        made = gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / name)
        assert set(made.table("versions")["uploads"].to_pylist()) == {20}
        last[name] = load_file(tmp_path / name / "artefacts/parameters.safetensors")
    for key, tensor in last["one by one"].items():
        error = np.linalg.norm(last["together"][key] - tensor) / np.linalg.norm(tensor)
        assert error < 1e-5, key
    assert files(tmp_path / "together") == files(tmp_path / "again")


@pytest.mark.parametrize("checkpoints", [0, 1, 2])
def test_a_killed_run_resumes_to_the_same_bits(smoke_path, tmp_path, checkpoints):
    out = tmp_path / "run"
    process = start(out)
    while not (out / "provenance.json").exists() or checkpoints > len(
        list(out.glob("journal/*.answers.parquet"))
    ):
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.001)
    time.sleep(random.Random(checkpoints).uniform(0.0, 0.05))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "summary.json").exists(), "the run ended before it could be killed"
    simulate.resume(out)
    assert facts(out) == facts(smoke_path)
    assert files(out) == files(smoke_path)


def test_every_seed_is_another_world(smoke, tmp_path):
    another = gboard_sim.load("smoke", overrides=[*ALONE, "run.seed=2"])
    other = gboard_sim.run(another, out=tmp_path / "r")
    assert other.summary["parameters_sha256"] != smoke.summary["parameters_sha256"]
    assert other.summary["uplink_bytes"] != smoke.summary["uplink_bytes"]


def test_the_two_trainers_learn_the_same_but_for_rounding(tmp_path):
    runs = [
        gboard_sim.run(
            gboard_sim.load("smoke", overrides=[*SMALL, f"training.trainer={trainer}"]),
            out=tmp_path / trainer,
        )
        for trainer in ("onnxruntime", "torch")
    ]
    one, other = (run.table("versions") for run in runs)
    for column in ("loss", "update_norm"):
        assert np.allclose(one[column], other[column], rtol=1e-3)
    assert one["closed_s"].equals(other["closed_s"])


def test_stop_rules_name_the_reason(tmp_path):
    reasons = {}
    for name, rules in {
        "target": ["run.target_recall_at_3=0.01"],
        "patience": ["run.patience=1", "run.min_gain=0.9"],
        "budget": ["run.budget.uplink_mb_per_phone=0.05"],
        "days": ["run.days=0.2"],
    }.items():
        experiment = gboard_sim.load("smoke", overrides=[*ALONE, *rules])
        run = gboard_sim.run(experiment, out=tmp_path / name)
        reasons[name] = run.summary["stop_reason"]
    assert reasons == {
        "target": "target_recall",
        "patience": "no_gain",
        "budget": "budget:uplink_mb_per_phone",
        "days": "days",
    }


def test_pretraining_on_public_text_lifts_version_0(smoke, tmp_path):
    overrides = [*ALONE, "training.pretraining.epochs=2", "run.versions=1"]
    run = gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / "run")
    assert run.summary["recall_at_3_version_0"] > 3 * smoke.summary["recall_at_3_version_0"]


@pytest.mark.parametrize("kind", ["unigram"])
def test_a_piece_tokenizer_counts_recall_in_words(tmp_path, kind):
    overrides = [*SMALL, f"text.tokenizer={kind}", "text.vocabulary=400"]
    run = gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / "run")
    assert 0.0 < run.summary["recall_at_3"] < run.summary["ceiling_recall_at_3"]


def test_local_privacy_claims_what_was_asked_and_keeps_its_cap(tmp_path):
    experiment = gboard_sim.load("smoke", variant="local-dp", overrides=ALONE)
    run = gboard_sim.run(experiment, out=tmp_path / "run")
    assert run.summary["epsilon_policy"] == pytest.approx(8.0, rel=1e-5)
    assert run.summary["epsilon_realised"] <= run.summary["epsilon_policy"]
    sessions = run.table("sessions")
    left = sessions["phone"].to_numpy()[sessions["left_phone"].to_numpy(zero_copy_only=False)]
    assert np.bincount(left).max() <= 2
    assert json.loads((tmp_path / "run/ledger.json").read_text())["broken"] is None


def test_the_fleet_alone_needs_no_learning_and_says_so(tmp_path):
    run = simulate.run_fleet(gboard_sim.load("smoke"), out=tmp_path / "run")
    assert run.summary["recall_at_3"] is None
    assert run.summary["uplink_bytes"] > 0
    assert run.table("sessions").num_rows == run.summary["sessions"]


@pytest.mark.parametrize(
    ("overrides", "error", "said"),
    [
        (["protocol.deadline_s=0.01"], ExperimentError, "protocol.deadline_s"),
        (["fleet.mix=nothing"], Exception, "no entry 'nothing'"),
        (["server.optimizer=sgd"], ExperimentError, "server.optimizer = 'sgd'"),
        (["server.options.speed=1"], ExperimentError, "speed"),
        (["schedule.name=fixed", "schedule.k=2"], ExperimentError, "no option 'k'"),
        (["codec.name=gzip"], ExperimentError, "codec.name = 'gzip'"),
        (["text.source=/nowhere.jsonl"], CorpusError, "/nowhere.jsonl"),
        (["training.learning_rate=1e30"], ExperimentError, "training.learning_rate"),
    ],
)
def test_what_cannot_run_is_refused_and_leaves_nothing_behind(tmp_path, overrides, error, said):
    with pytest.raises(error) as refused:
        gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / "run")
    assert said in str(refused.value)
    assert not (tmp_path / "run").exists()


def test_a_fleet_larger_than_its_corpus_is_refused(tmp_path):
    corpus = tmp_path / "small.jsonl"
    lines = (
        json.dumps({"user": f"u{n % 30}", "text": "some words of mine", "time": None})
        for n in range(200)
    )
    corpus.write_text("\n".join(lines))
    with pytest.raises(CorpusError, match=r"fleet\.phones=60"):
        gboard_sim.run(
            gboard_sim.load("smoke", overrides=[f"text.source={corpus}"]), out=tmp_path / "run"
        )


def test_a_directory_that_is_taken_or_foreign_is_refused(smoke, smoke_path, tmp_path):
    with pytest.raises(RunDirectoryError, match="not an empty folder"):
        gboard_sim.run(gboard_sim.load("smoke"), out=smoke_path)
    with pytest.raises(RunDirectoryError, match="has ended"):
        simulate.resume(smoke_path)
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        simulate.resume(tmp_path)


def test_what_another_library_or_command_began_is_not_resumed(tmp_path):
    simulate.run_fleet(gboard_sim.load("smoke"), out=tmp_path / "run")
    (tmp_path / "run/summary.json").unlink()
    with pytest.raises(RunDirectoryError, match="fleet alone"):
        simulate.resume(tmp_path / "run")
    path = tmp_path / "run/provenance.json"
    facts = json.loads(path.read_text())
    facts["kind"], facts["libraries"]["onnxruntime"] = "run", "0.1"
    path.write_text(json.dumps(facts))
    with pytest.raises(RunDirectoryError, match=r"onnxruntime = '0\.1'"):
        simulate.resume(tmp_path / "run")


def test_a_run_of_the_fleet_alone_is_brought_to_the_same_end(smoke_path, tmp_path):
    experiment = gboard_sim.load(
        "smoke", overrides=["protocol.kind=buffered", "protocol.concurrency=4"]
    )
    simulate.run_fleet(experiment, out=tmp_path / "whole")
    out = tmp_path / "stopped"

    class Stopped(BaseException):
        pass

    def stop(step):
        if step.share > 0.5:
            raise Stopped

    with pytest.raises(Stopped):
        simulate.run_fleet(experiment, out=out, watch=stop)
    assert not (out / "summary.json").exists()
    simulate.resume_fleet(out)
    assert facts(out) == facts(tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")
    with pytest.raises(RunDirectoryError, match="has ended"):
        simulate.resume_fleet(out)
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        simulate.resume_fleet(tmp_path)


def test_a_run_that_learns_is_not_resumed_as_a_fleet_alone(smoke, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(smoke.directory.path, out)
    (out / "summary.json").unlink()
    with pytest.raises(RunDirectoryError, match="gboard-sim run --resume"):
        simulate.resume_fleet(out)


@pytest.mark.parametrize("arm", ["central", "central:0.1", "local-only"])
def test_every_arm_meets_the_same_fleet_and_trains_as_many_tokens(smoke, tmp_path, arm):
    experiment = gboard_sim.load("smoke", overrides=[*ALONE, f"run.arm={arm}"])
    made = gboard_sim.run(experiment, out=tmp_path / f"out:{arm}")  # no URI, whatever it looks like
    assert made.table("sessions").equals(smoke.table("sessions"))
    assert made.table("cohorts").equals(smoke.table("cohorts"))
    trained, federated = made.summary["trained_tokens"], smoke.summary["trained_tokens"]
    a_batch = 64 * 20 * made.summary["versions"]
    assert abs(trained - federated) <= (0 if arm == "local-only" else a_batch)
    assert (made.summary["recall_at_3"] is None) == (arm == "local-only")
    sessions = smoke.summary["sessions_trained"] if arm == "local-only" else 0
    assert made.summary["sessions_trained"] == sessions
    assert made.summary["recall_at_3_seen_users"] > 0
    assert made.summary["parameters_sha256"] != smoke.summary["parameters_sha256"]


@pytest.mark.parametrize("arm", ["central", "local-only"])
def test_an_arm_has_the_same_bits_over_workers_and_lookahead(tmp_path, arm):
    for name, more in (("one", ["run.lookahead=0"]), ("two", ["run.lookahead=3"])):
        workers = 1 + 2 * (name == "two")
        overrides = [*SMALL, f"run.arm={arm}", f"run.workers={workers}", *more]
        gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")


def test_a_fleet_of_all_has_a_phone_for_every_training_user(tmp_path):
    chat = tmp_path / "chat.csv"
    lines = [f"u{user},some words {user % 7} said again,2024-05-0{1 + m}T10:00:00"
             for user in range(120) for m in range(6)]  # fmt: skip
    chat.write_text("\n".join(["user,text,time", *lines]))
    overrides = [f"text.source={chat}", "fleet.phones=all", "run.versions=1", "text.vocabulary=20"]
    made = gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / "run")
    resolved = gboard_sim.load(tmp_path / "run" / "experiment.toml")
    assert resolved.fleet.phones == made.summary["phones"]
    assert 60 < made.summary["phones"] < 120
