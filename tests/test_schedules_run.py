"""Every schedule in a whole run, and adaptive ones over workers, lookahead and a kill."""

from itertools import pairwise

import pytest

import gboard_sim
from gboard_sim import simulate
from gboard_sim.communication.schedules import SCHEDULES
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=4", "fleet.phones=40", "text.messages_per_user=20", "run.workers=1",
    "evaluation.baselines=false", "evaluation.test_messages=50",
]  # fmt: skip
OPTIONS = {
    "fixed": [],
    "every_kth": ["schedule.k=2"],
    "post_local": ["schedule.switch=2"],
    "linear_growth": ["schedule.growth=0.5", "schedule.most=8"],
    "decreasing": ["schedule.exponent=1.0", "schedule.least=2"],
    "quadratic": ["schedule.alpha=2.3"],
    "adacomm": ["schedule.every=1"],
    "norm_triggered": ["schedule.threshold=3.0", "schedule.most_windows=3"],
    "lazy": ["schedule.norm=1.5", "schedule.age=2"],
    "cmfl": ["schedule.agreement=0.6"],
    # Thirty payloads of 291,472 bytes are 8.7 MB: k = 2, as for every_kth.
    "data_budget": ["schedule.uplink_mb_per_month=5.0"],
}
STEPS = {  # of cycles from versions 0, 1, 2 and 3, where training.steps is 4 and the rate 1
    "fixed": [4, 4, 4, 4],
    "every_kth": [4, 4, 4, 4],
    "post_local": [1, 1, 4, 4],
    "linear_growth": [4, 6, 8, 8],
    "decreasing": [4, 2, 2, 2],
    "quadratic": [5, 5, 5, 5],
    "adacomm": [4, 4, 2, 1],
    "norm_triggered": [4, 4, 4, 4],
    "lazy": [4, 4, 4, 4],
    "cmfl": [4, 4, 4, 4],
    "data_budget": [4, 4, 4, 4],
}


def run(out, name, *more):
    overrides = [*SMALL, f"schedule.name={name}", *OPTIONS[name], *more]
    return gboard_sim.run(gboard_sim.load("smoke", overrides=overrides), out=out)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_each_schedule_runs_and_phones_train_what_it_says(tmp_path, name):
    made = run(tmp_path / "run", name, "protocol.separation_versions=2", "run.days=6")
    assert made.summary["versions"] == 4
    stints = [s for row in made.table("cohorts")["stints"].to_pylist() for s in row]
    least = min(len(row) for row in made.table("cohorts")["stints"].to_pylist())
    assert least == (2 if name in ("every_kth", "data_budget") else 1)
    found = {stint["version"]: stint["local"]["steps"] for stint in stints}
    assert found == {version: STEPS[name][version] for version in found}
    assert 0 in found
    assert len(found) > 1
    used: dict[int, list[int]] = {}
    for row in made.table("cohorts").to_pylist():
        used.setdefault(row["phone"], []).append(row["makes_version"])
    assert all(b - a >= 2 for versions in used.values() for a, b in pairwise(versions))


def test_a_phone_that_carries_its_update_on_downloads_each_newer_version(tmp_path):
    more = ["schedule.k=3", "run.versions=8", "schedule.max_age=20"]
    never = run(tmp_path / "never", "every_kth", *more)
    moved = run(tmp_path / "moved", "every_kth", *more, "schedule.rebase=each_window")
    bases = [
        [{stint["version"] for stint in row["stints"]} for row in made.table("cohorts").to_pylist()]
        for made in (never, moved)
    ]
    assert all(len(versions) == 1 for versions in bases[0])
    assert any(len(versions) > 1 for versions in bases[1])
    staleness = [
        max(row["staleness_mean"] for row in made.table("versions").to_pylist())
        for made in (never, moved)
    ]
    assert staleness[1] < staleness[0]
    downloads = [made.table("sessions")["download_bytes"].to_pylist() for made in (never, moved)]
    models = [sum(size > 0 for size in each) / len(each) for each in downloads]
    assert models[1] > models[0]


def test_signs_of_the_last_step_are_paid_for(tmp_path):
    made, plain = run(tmp_path / "cmfl", "cmfl"), run(tmp_path / "plain", "fixed")
    model, with_signs = (
        max(each.table("sessions")["download_bytes"].to_pylist()) for each in (plain, made)
    )
    assert with_signs - model == -(-made.summary["model_parameters"] // 8)
    agreed = [a for a in made.table("answers")["sign_agreement"].to_pylist() if a is not None]
    assert agreed
    assert all(0 <= share <= 1 for share in agreed)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("name", ["adacomm", "norm_triggered", "lazy", "cmfl", "moves on"])
def test_a_run_that_waits_has_the_same_bits_over_workers_and_lookahead_and_when_killed(
    tmp_path, name, monkeypatch
):
    if name == "moves on":
        name, moves = "every_kth", [*OPTIONS["every_kth"], "schedule.rebase=each_window"]
        monkeypatch.setitem(OPTIONS, name, moves)
    whole = run(tmp_path / "whole", name, "run.checkpoint_every=1")
    other = run(tmp_path / "other", name, "run.checkpoint_every=1", "run.workers=2",
                "run.lookahead=0")  # fmt: skip
    assert bits(other.directory.path) == bits(whole.directory.path)

    def kill(step):
        if step.version == 3:
            raise KilledError

    overrides = [*SMALL, f"schedule.name={name}", *OPTIONS[name], "run.checkpoint_every=1"]
    with pytest.raises(KilledError):
        simulate.run(gboard_sim.load("smoke", overrides=overrides), out=tmp_path / "k", watch=kill)
    assert (tmp_path / "k" / "checkpoints").exists()
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(whole.directory.path)
