"""Whole runs in which phones judge versions, and in which their losses decide who is asked next."""

import json

import pyarrow as pa
import pytest

import gboard_sim
from gboard_sim import simulate
from gboard_sim.errors import ExperimentError

pytestmark = pytest.mark.usefixtures("trains_here")

JUDGED = ["federated_evaluation.every=2", "federated_evaluation.goal=10", "run.versions=8"]
CHOSEN = ["protocol.selector=utility", "schedule.name=fixed", "protocol.pool=3.0"]


def experiment(*overrides: str) -> gboard_sim.Experiment:
    return gboard_sim.load("smoke", overrides=["run.workers=1", *overrides])


def files(path):
    """Everything but what depends on the machine."""
    kept = {p.relative_to(path).as_posix(): p for p in path.rglob("*") if p.is_file()}
    found = {n: p.read_bytes() for n, p in kept.items()
             if n not in {"summary.json", "experiment.toml"}}  # fmt: skip
    facts = json.loads((path / "summary.json").read_text())
    return found | {"summary": {k: v for k, v in facts.items() if k != "machine"}}


class Killed(Exception):
    """The run is stopped from outside."""


def killed_then_resumed(path, made: gboard_sim.Experiment, at: int) -> None:
    """Stop a run when the fleet has come to a version, and take it up again."""

    def watch(step):
        if step.version >= at:
            raise Killed

    with pytest.raises(Killed):
        gboard_sim.run(made, out=path, watch=watch)
    assert not (path / "summary.json").exists()
    simulate.resume(path, workers=1)


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    return gboard_sim.run(experiment(*JUDGED), out=tmp_path_factory.mktemp("judged") / "run")


def test_phones_judge_versions_and_send_no_update_for_it(judged):
    summary, rows = judged.summary, judged.table("evaluations").to_pylist()
    on_phones = [row for row in rows if row["set"] == "phones"]
    everyone = [row for row in on_phones if row["group"] == "all"]
    assert summary["evaluation_rounds"] == len(everyone) >= 3
    assert summary["phones_recall_at_3"] == everyone[-1]["recall_at_3"]
    cohorts = judged.table("cohorts").to_pylist()
    reports = [row for row in cohorts if row["task"] == "evaluate"]
    assert {row["makes_version"] for row in reports} == {row["version"] for row in everyone}
    assert all(stint["rows"] == [0, 0] for row in reports for stint in row["stints"])
    assert summary["sessions_trained"] == len(cohorts) - len(reports)
    assert summary["uplink_bytes_by_purpose"]["evaluation"] < 100 * 1.05 * 1.3 * 10 * len(everyone)
    for row in everyone:
        of = [r for r in on_phones if r["version"] == row["version"]]
        for kind in ("class:", "activity:"):
            parts = [r for r in of if r["group"].startswith(kind)]
            assert sum(r["positions"] for r in parts) == row["positions"]
            pooled = sum(r["positions"] * r["recall_at_3"] for r in parts) / row["positions"]
            assert pooled == pytest.approx(row["recall_at_3"], rel=1e-12)
    never = {r["version"]: r["positions"] for r in on_phones if r["group"] == "never trained"}
    assert never[0] == everyone[0]["positions"]
    assert never.get(everyone[-1]["version"], 0) < everyone[-1]["positions"]


@pytest.mark.parametrize("override", ["run.workers=2", "run.lookahead=0", "run.lookahead=2"])
def test_judging_on_phones_has_the_same_bits(judged, tmp_path, override):
    gboard_sim.run(experiment(*JUDGED, override), out=tmp_path / "run")
    assert files(tmp_path / "run") == files(judged.directory.path)


@pytest.mark.parametrize("at", [3, 5])
def test_a_killed_run_judges_again_to_the_same_bits(judged, tmp_path, at):
    killed_then_resumed(tmp_path / "run", experiment(*JUDGED, "run.lookahead=1"), at)
    assert files(tmp_path / "run") == files(judged.directory.path)


def test_a_central_arm_is_judged_on_phones_too(tmp_path):
    made = experiment(*JUDGED, "run.arm=central", "run.versions=3")
    run = gboard_sim.run(made, out=tmp_path / "run")
    assert run.summary["evaluation_rounds"] >= 1
    assert run.summary["phones_recall_at_3"] is not None


def test_a_fleet_alone_judges_nothing_and_has_no_version_of_it(tmp_path):
    run = simulate.run_fleet(experiment(*JUDGED), out=tmp_path / "run")
    assert run.summary["evaluation_rounds"] > 0
    versions = run.table("versions")["version"].to_pylist()
    assert versions == list(range(1, run.summary["versions"] + 1))


def test_losses_choose_phones_and_a_resumed_run_chooses_the_same(tmp_path):
    plain = gboard_sim.run(experiment(*CHOSEN), out=tmp_path / "plain")
    answers = plain.table("answers")
    assert pa.types.is_list(answers.schema.field("utility").type)
    by_version = {row["version"]: row["utility"] for row in answers.to_pylist()}
    for version, scored in by_version.items():
        cohort = [row for row in plain.table("cohorts").to_pylist()
                  if row["makes_version"] == version]  # fmt: skip
        assert [s["phone"] for s in scored] == [row["phone"] for row in cohort]
        loss = plain.table("versions")["loss"][version - 1].as_py()
        messages = [row["stints"][-1]["rows"][1] - row["stints"][-1]["rows"][0] for row in cohort]
        for score, of in zip(scored, messages, strict=True):
            assert score["score"] / of == pytest.approx(loss, rel=0.35)
    killed_then_resumed(tmp_path / "killed", experiment(*CHOSEN), at=5)
    assert files(tmp_path / "killed") == files(tmp_path / "plain")
    first = experiment(*CHOSEN[1:], "protocol.selector=uniform")
    other = gboard_sim.run(first, out=tmp_path / "uniform")
    assert not other.table("cohorts").equals(plain.table("cohorts"))
    assert set(other.table("answers")["utility"].to_pylist()) == {None}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ([*JUDGED, "run.arm=local-only"], "no model of the server's"),
        ([*JUDGED, "text.held_out_share=0.0"], "text.held_out_share above 0"),
        ([*CHOSEN, "run.arm=central"], "needs run.arm = 'federated'"),
        (["text.injection={word='ab', day=2.0, share=0.5}"], "must be before the run's end"),
        (["text.injection={word='ab', day=1.0, share=0.0}"], "text.injection.share = 0.0"),
        (["text.injection={word='', day=1.0, share=0.5}"], "text.injection.word = ''"),
        (["text.injection={word='ab', day=-1.0, share=0.5}"], "text.injection.day = -1.0"),
        (["text.injection={word='ab', day=1.0}"], "text.injection.share is missing"),
        (["text.injection={word='ab', day=1.0, share=0.5}", "text.arrival=at_start"], "must be 0"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason(overrides, said):
    with pytest.raises(ExperimentError) as refused:
        experiment(*overrides)
    assert said in str(refused.value)


def test_losses_are_not_reported_under_a_claim():
    with pytest.raises(ExperimentError, match="report their losses without noise"):
        gboard_sim.load("smoke", variant="local-dp", overrides=["protocol.selector=utility"])
