"""Sweeps for real: four settings of `smoke` with two seeds, stopped, broken and continued."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from gboard_sim.cli import app as cli
from gboard_sim.errors import ExperimentError, RunDirectoryError
from gboard_sim.experiment.file import load_sweep
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.sweep import point as sweep_point
from gboard_sim.sweep import sweep
from gboard_sim.sweep import table as sweep_table

SHORT = {"run.versions": 2, "evaluation.baselines": False, "evaluation.test_messages": 50}
GRID = SHORT | {
    "sweep.seeds": [1, 2],
    "sweep.schedule": [{"name": "fixed"}, {"name": "every_kth", "k": 2, "max_age": 20}],
    "sweep.training.learning_rate": [1.0, 0.25],
}


def without_seconds(rows):
    return [{key: value for key, value in row.items() if key != "wall_s"} for row in rows]


@pytest.fixture(scope="module")
def grid(tmp_path_factory) -> sweep.Swept:
    out = tmp_path_factory.mktemp("swept") / "grid"
    return sweep.sweep(*load_sweep("smoke", overrides=GRID), out=out, jobs=2, workers=2)


@pytest.fixture
def copied(grid, tmp_path) -> Path:
    return Path(shutil.copytree(grid.directory.path, tmp_path / "copy"))


def test_there_is_one_row_for_each_run_with_its_point_and_its_figures(grid):
    table = pq.read_table(grid.directory / "sweep.parquet")
    assert table.to_pylist() == grid.rows
    assert [(row["schedule"], row["training.learning_rate"], row["seed"]) for row in grid.rows] == [
        (json.dumps(schedule), rate, seed)
        for schedule in GRID["sweep.schedule"]
        for rate in (1.0, 0.25)
        for seed in (1, 2)
    ]
    for row in grid.rows:
        run = RunDirectory.open(grid.directory / "runs" / row["run"])
        summary = run.read_json("summary.json")
        assert {key: row[key] for key in sweep_table.FIGURES} == {
            key: summary[key] for key in sweep_table.FIGURES
        }
        assert (row["status"], row["message"], row["seed"]) == ("done", None, summary["seed"])
        assert row["wall_s"] == summary["machine"]["wall_s"]
        assert summary["machine"]["workers"] == 1
        judged = [e for e in run.table("evaluations").to_pylist() if e["set"] == "validation"]
        newest = max(e["version"] for e in judged)
        [last] = [e for e in judged if e["version"] == newest and e["group"] == "all"]
        assert row["validation_recall_at_3"] == last["recall_at_3"]


def test_every_setting_meets_the_same_world(grid):
    # What the phones learn at has no part in when they are there.
    by_point = {(r["schedule"], r["seed"], r["training.learning_rate"]): r for r in grid.rows}
    for (schedule, seed, rate), row in by_point.items():
        other = by_point[schedule, seed, 1.25 - rate]
        for key in ("simulated_days", "uplink_bytes", "energy_j_per_phone_mean", "sessions"):
            assert row[key] == other[key]
        assert row["parameters_sha256"] != other["parameters_sha256"]
        assert row["simulated_days"] != by_point[schedule, 3 - seed, rate]["simulated_days"]


def test_broken_runs_are_made_again_and_whole_ones_kept_whatever_the_jobs(grid, copied):
    gone, broken = copied / "runs" / grid.rows[0]["run"], copied / "runs" / grid.rows[5]["run"]
    shutil.rmtree(gone)
    for path in broken.iterdir():
        if path.name not in ("experiment.toml", "provenance.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    (copied / "sweep.parquet").unlink()
    kept = {p: p.stat().st_mtime_ns for p in copied.glob("runs/*/summary.json")}
    assert len(kept) == 6
    told = []
    again = sweep.sweep(*sweep.plan(copied), out=copied, jobs=1, workers=1, tell=told.append)
    assert without_seconds(again.rows) == without_seconds(grid.rows)
    assert {p: p.stat().st_mtime_ns for p in kept} == kept
    assert [(step.done, step.total) for step in told] == [(n, 8) for n in range(1, 9)]
    assert [step.row["run"] for step in told[6:]] == [gone.name, broken.name]


def test_a_directory_of_another_experiment_is_refused_and_left_alone(copied, tmp_path):
    before = (copied / "experiment.toml").read_text()
    other = load_sweep("smoke", overrides=GRID | {"server.learning_rate": 0.5})
    with pytest.raises(RunDirectoryError, match="changed outside"):
        sweep.sweep(*other, out=copied)
    assert (copied / "experiment.toml").read_text() == before
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(RunDirectoryError, match="not an empty folder"):
        sweep.sweep(*other, out=tmp_path / "full")
    with pytest.raises(RunDirectoryError, match=r"no sweep\.json"):
        sweep.plan(tmp_path / "full")
    with RunDirectory(copied).locked(), pytest.raises(RunDirectoryError, match="at work here"):
        sweep.sweep(*load_sweep("smoke", overrides=GRID), out=copied)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sweep.model.name": ["tiny", "gboard"]}, ["model.name=gboard", "gboard-cifg"]),
        ({"sweep.schedule.name": ["fixed", "nightly"]}, ["schedule.name=nightly", "every_kth"]),
        ({}, ["no [sweep]", "--set sweep.training.steps=[4,16]"]),
    ],
)
def test_a_bad_point_is_named_before_anything_runs(tmp_path, more, said):
    with pytest.raises(ExperimentError) as refused:
        sweep.sweep(*load_sweep("smoke", overrides=SHORT | more), out=tmp_path / "out")
    assert all(part in str(refused.value) for part in said), refused.value
    assert not (tmp_path / "out").exists()


def command(*arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "gboard_sim", "sweep", *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more,
    )  # fmt: skip


def test_a_run_that_fails_is_reported_and_the_others_stand(grid, copied):
    bad = copied / "runs" / grid.rows[3]["run"]
    shutil.rmtree(bad)
    bad.write_text("in the way")
    process = command("--resume", copied, "--json")
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 1, stderr
    rows = json.loads(stdout)["rows"]
    told = [{k: v for k, v in row.items() if k != "course"} for row in grid.rows]
    assert without_seconds(rows[:3] + rows[4:]) == without_seconds(told[:3] + told[4:])
    assert rows[3]["status"] == "failed"
    assert "not an empty folder" in rows[3]["message"]
    assert rows[3]["uplink_bytes"] is None
    [line] = stderr.splitlines()
    assert line == f"gboard-sim: {bad.name} failed: {rows[3]['message']}"
    assert "not an empty folder" in (copied / "sweep.html").read_text()
    document = json.loads(stdout)
    assert [row["number"] for row in document["losses"]] == [1, 2, 3, 4]
    assert [row["reached"] for row in document["reached"] if row["number"] == 2] == [0, 0]
    table = pq.read_table(copied / "sweep.parquet").drop_columns("course")
    assert table.to_pylist() == rows


@pytest.fixture
def said(monkeypatch, capsys):
    """Carries out a command in this process, to its status and what it printed."""

    def carry_out(*arguments):
        monkeypatch.setattr(sys, "argv", ["gboard-sim", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return carry_out


def test_a_table_of_the_settings_goes_to_stdout_and_the_runs_to_stderr(
    grid, copied, said, monkeypatch
):
    monkeypatch.delenv("COLUMNS", raising=False)  # what is piped is whole
    status, out, err = said("sweep", "--resume", copied, "--target", "50%", "--recall", "test")
    assert status == 0
    assert [line.split()[1] for line in err.splitlines()] == [row["run"] for row in grid.rows]
    lines = out.splitlines()
    assert lines[0].split()[:5] == [
        "number", "schedule", "training.learning_rate", "seeds", "recall@3",
    ]  # fmt: skip
    mean = sum(row["recall_at_3"] for row in grid.rows[:2]) / 2
    assert lines[1].split()[:4] == ["1", "fixed", "1.0", "2"]
    assert float(lines[1].split()[4]) == pytest.approx(mean, rel=0.01, abs=6e-5)
    assert lines[-1] == str(copied / "sweep.html")
    page = (copied / "sweep.html").read_bytes()
    assert b"50% of the baseline" in page
    assert said("report", copied) == (0, f"{copied / 'sweep.html'}\n", "")
    assert (copied / "sweep.html").read_bytes() != page  # on validation users, for 95% and 99%
    assert said("sweep", "--resume", copied, "--quiet") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--target", "2"], "--target 2: must be a recall above 0"),
        (["smoke", "--set", "sweep.training.steps=[4]", "--baseline", "2"], "from 1 to 1"),
        (["--recall", "mine"], "--recall mine: must be one of validation, test"),
        (["smoke"], "no [sweep]"),
        (["nothing-like-it"], "nothing-like-it"),
        (["smoke", "--set", "sweep.run.seed=[1]"], "write seeds"),
        (["smoke", "--set", "sweep.training.steps=[0]"], "training.steps=0, seed=1"),
        (["--resume", "nowhere"], "nowhere: not a sweep's directory"),
        (["smoke", "--resume", "nowhere"], "only --jobs"),
    ],
)
def test_a_bad_command_is_one_message_and_status_2(said, tmp_path, arguments, part):
    status, out, err = said("sweep", *arguments)
    assert (status, out) == (2, "")
    [message] = err.splitlines()
    assert message.startswith("gboard-sim: ")
    assert part in message


def test_a_sweep_that_is_stopped_or_killed_leaves_runs_that_go_on(heeds_interrupts, tmp_path):
    out, scratch = tmp_path / "out", tmp_path / "scratch"
    scratch.mkdir()
    long = {"run.versions": 8, "run.checkpoint_every": 1, "evaluation.baselines": False}
    sets = [f"--set={key}={json.dumps(value)}" for key, value in long.items()]
    ask = ["smoke", *sets, "--seed", 1, "--out", out, "--workers", 1]
    more = {"env": os.environ | {"TMPDIR": str(scratch)}, "start_new_session": True}

    def started():
        before = newest()
        process = command(*ask, **more)
        while newest() == before:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        return process

    def newest():
        return [p.stat().st_mtime_ns for p in out.glob("runs/*/checkpoints/newest.safetensors")]

    process = started()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, ""), stderr
    assert stderr.splitlines()[-1].startswith("gboard-sim: interrupted; --resume")
    assert not list(scratch.glob("gboard-sim-*"))  # its run has tidied up

    process = started()
    process.kill()
    process.communicate(timeout=30)
    [run] = out.glob("runs/*")
    until = time.monotonic() + 30
    while list(scratch.glob("gboard-sim-*")):  # the run hears of it, and ends
        assert time.monotonic() < until
        time.sleep(0.05)
    assert not (run / "summary.json").exists()

    began = (run / "provenance.json").stat().st_mtime_ns
    finished = sweep.sweep(*sweep.plan(out), out=out)
    assert [(row["status"], row["stop_reason"]) for row in finished.rows] == [("done", "versions")]
    assert finished.rows[0]["versions"] == long["run.versions"]
    assert (run / "provenance.json").stat().st_mtime_ns == began  # it went on, not began again


def test_a_checkpoint_of_other_libraries_is_run_from_the_start(grid, copied):
    name = grid.rows[2]["run"]
    run = copied / "runs" / name
    (run / "summary.json").unlink()
    (run / "checkpoints").mkdir()
    (run / "checkpoints/newest.safetensors").write_bytes(b"damaged")
    job = sweep_point.Job(copied / f"points/{name}.toml", run, workers=1)
    sweep_point.carry_out(job)
    summary = RunDirectory.open(run).read_json("summary.json")
    assert summary["parameters_sha256"] == grid.rows[2]["parameters_sha256"]
