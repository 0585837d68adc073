"""The command line as a user meets it: what is printed where, and with which status."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gboard_sim import simulate
from gboard_sim.cli import app as cli
from gboard_sim.cli import screen
from gboard_sim.errors import GboardSimWarning

SMALL = ["--set", "run.versions=2", "--workers", "1"]


def gboard_sim(*arguments: str | Path, **more) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "gboard_sim", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, encoding="utf-8", **more
    )


def only_message(stderr: str) -> str:
    """The one line that is no progress."""
    [message] = [said for said in stderr.splitlines() if not re.match(r"\s*\d+%  day", said)]
    assert message.startswith("gboard-sim: ")
    return message


@pytest.fixture
def here(monkeypatch, capfd) -> Callable[..., subprocess.CompletedProcess]:
    """Carries out a command in this process, where a process of its own would say no more."""

    def carry_out(*arguments: str | Path) -> subprocess.CompletedProcess:
        monkeypatch.setattr(sys, "argv", ["gboard-sim", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return subprocess.CompletedProcess(sys.argv, ended.value.code, *capfd.readouterr())

    return carry_out


@pytest.fixture
def refused(here) -> Callable[..., str]:
    """Carries out a command in this process, to the message with which it has to end."""

    def carry_out(*arguments: str | Path) -> str:
        ended = here(*arguments)
        assert (ended.returncode, ended.stdout) == (2, "")
        return only_message(ended.stderr)

    return carry_out


def test_help_lists_the_commands_and_loads_nothing_heavy():
    ended = gboard_sim("--help")
    assert ended.returncode == 0
    assert {"run", "fleet", "report", "list", "corpus"} <= set(ended.stdout.split())
    look = (
        "import sys\nsys.argv = ['gboard-sim', '--help']\nfrom gboard_sim.cli import app\n"
        "try: app.main()\nexcept SystemExit: pass\n"
        "print(sorted({'numpy', 'torch', 'simpy', 'pyarrow', 'onnxruntime'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


@pytest.fixture(scope="module")
def printed(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess]:
    out = tmp_path_factory.mktemp("cli") / "run"
    return out, gboard_sim("run", "smoke", *SMALL, "--json", "--out", out)


def test_json_prints_the_flat_summary_alone(printed):
    out, ended = printed
    assert (ended.returncode, ended.stderr) == (0, "")
    flat = json.loads(ended.stdout)
    assert not [value for value in flat.values() if isinstance(value, dict)]
    summary = json.loads((out / "summary.json").read_text())
    assert flat["versions"] == summary["versions"] == 2
    assert flat["machine.workers"] == 1
    shapes = {k.partition(".")[2]: v for k, v in flat.items() if k.startswith("session_shapes.")}
    assert shapes == summary["session_shapes"]


def test_a_page_is_made_with_the_run_and_again_on_demand(printed, here):
    out, _ = printed
    page = (out / "report.html").read_bytes()
    (out / "report.html").unlink()
    ended = here("report", out)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.strip() == str(out / "report.html")
    assert (out / "report.html").read_bytes() == page


def test_progress_goes_to_stderr_and_a_table_to_stdout_and_quiet_prints_nothing(
    here, monkeypatch, tmp_path
):
    more = {"cwd": tmp_path, "env": os.environ | {"NO_COLOR": "1", "FORCE_COLOR": ""}}
    ended = gboard_sim("run", "smoke", *SMALL, **more)
    assert ended.returncode == 0, ended.stderr
    assert "\x1b" not in ended.stdout + ended.stderr
    assert "recall at 1, at 3" in ended.stdout
    assert "day" in ended.stderr
    assert "version    2" in ended.stderr
    assert (tmp_path / "runs" / "smoke-1" / "summary.json").exists()
    monkeypatch.chdir(tmp_path)
    again = here("run", "smoke", *SMALL, "--seed", "1", "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert (tmp_path / "runs" / "smoke-1-2" / "report.html").exists()
    assert (tmp_path / "runs" / "smoke-1-2" / "summary.json").exists()


def test_the_fleet_runs_alone_at_the_size_asked_for(printed, here, tmp_path):
    run, _ = printed
    ended = here(
        "fleet", "smoke", "--phones", "500", "--days", "1", "--json", "--out", tmp_path / "run"
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    flat = json.loads(ended.stdout)
    assert (flat["phones"], flat["recall_at_3"], flat["trainer"]) == (500, None, None)
    assert flat["uplink_bytes"] > 0
    assert (tmp_path / "run" / "report.html").exists()
    summaries = [json.loads((out / "summary.json").read_text()) for out in (run, tmp_path / "run")]
    assert set(summaries[0]) == set(summaries[1])


def test_the_table_of_a_fleet_alone_has_its_rounds_and_shapes(here, tmp_path):
    ended = here("fleet", "smoke", "--phones", "500", "--days", "1", "--out", tmp_path / "run")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    rows = dict(re.split(r"\s{2,}", row, maxsplit=1) for row in ended.stdout.splitlines()[:-2])
    assert rows["rounds closed, abandoned"].startswith(f"{summary['rounds']:,}, ")
    times = [f"{summary[f'round_s_p{q}']:,.1f}" for q in (50, 90, 99)]
    assert rows["seconds of a round, p50, p90, p99"] == ", ".join(times)
    assert rows["Gini, uploads of the top 30%"].startswith(f"{summary['participation_gini']:.3f}")
    most = max(summary["session_shapes"], key=summary["session_shapes"].get)
    assert rows["most frequent session shapes"].startswith(most)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--set", "fleet.phnes=9"],
            ["--set fleet.phnes=9: ", "fleet.phnes", "did you mean 'phones'?"],
        ),
        (
            ["--set", "fleet.phones=many"],
            ["--set fleet.phones=many: fleet.phones = 'many' is", "whole number"],
        ),
        (
            ["--set", "protocol.goal=61"],
            ["smoke.toml with --set protocol.goal=61: protocol.goal(=61)", "phones(=60)"],
        ),
        (["--set", "model.name=gboard"], ["models", "'gboard'", "gboard-cifg"]),
        (["--set", "model.name=law"], ["models", "'law'"]),
        (["--set", "codec.name=fp23"], ["codec.name", "'fp23'", "fp32"]),
        (["--set", "schedule"], ["--set", "section.key=value"]),
        (["--set", "run=5"], ["--set run=5: run = 5 is not allowed", "a table of keys"]),
        (
            ["--set", "run=5", "--set", "run.days=2"],
            ["--set run.days=2: 'run' was given as no table before"],
        ),
        (
            ["--set", "training.epochs=2", "--set", "training.steps=9"],
            ["--set training.epochs=2 and --set training.steps=9", "one of epochs and steps"],
        ),
        (
            ["--set", "schedule.k=0", "--set", "schedule.name=every_kth"],
            ["--set schedule.k=0: schedule.k = 0 is not allowed"],
        ),
        (["--arm", "sideways"], ["--arm sideways: run.arm = 'sideways'", "central:SHARE"]),
        (["--variant", "nightly"], ["smoke.toml", "'nightly'", "local-dp"]),
        (["--corpus", "nowhere.jsonl"], ["nowhere.jsonl", "No such file"]),
        (
            ["--set", "server.options.bta=1"],
            ["server.options.bta", "'adam'", "beta_1, beta_2, tau"],
        ),
        (["--set", "text.source="], ["text.source is empty", "--corpus FILE"]),
        (["--workers", "100000"], ["run.workers", "100000", "allowed: 0, one per processor, to"]),
    ],
)
def test_a_bad_input_is_one_message_that_names_it(refused, tmp_path, arguments, said):
    message = refused("run", "smoke", *arguments, "--out", tmp_path / "run")
    assert all(word in message for word in said), message
    assert not (tmp_path / "run").exists()


def test_a_warning_of_ours_is_one_line_without_a_place_in_the_code(capsys):
    screen.say_warning(GboardSimWarning("mixed"), GboardSimWarning, "here.py", 3)
    screen.say_warning(UserWarning("odd"), UserWarning, "there.py", 4)
    said = "gboard-sim: warning: mixed\ngboard-sim: there.py:4: warning: odd\n"
    assert capsys.readouterr() == ("", said)


def test_a_bad_input_ends_the_process_with_status_2(tmp_path):
    ended = gboard_sim("run", "smoke", "--set", "fleet.phnes=9", "--out", tmp_path / "run")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "fleet.phnes" in only_message(ended.stderr)


def test_a_bad_file_is_named(refused, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("[fleet]\nphones = 5\n[protocol]\ngoal = 2\n[traning]\nsteps = 1\n")
    message = refused("run", path)
    assert "mine.toml" in message
    assert "traning" in message
    assert "did you mean 'training'?" in message
    assert "nothing-such" in refused("run", "nothing-such")
    path.write_bytes(b"\xff")
    assert "mine.toml: not a readable TOML file" in refused("run", path)


def test_a_directory_that_is_taken_or_foreign_is_refused(refused, printed, tmp_path):
    out, _ = printed
    assert "not an empty folder" in refused("run", "smoke", "--out", out)
    assert "not a run directory" in refused("run", "--resume", tmp_path)
    assert "has ended" in refused("run", "--resume", out)
    assert "only --workers" in refused("run", "smoke", "--resume", out)
    assert "has ended" in refused("fleet", "--resume", out)
    assert "only --json" in refused("fleet", "smoke", "--resume", out)
    assert "only --json" in refused("fleet", "--resume", out, "--days", "1")
    assert "not a run directory" in refused("report", tmp_path)
    old = tmp_path / "old"
    old.mkdir()
    (old / "experiment.toml").write_text("")
    (old / "provenance.json").write_text('{"schema": 0}')
    assert "schema = 0" in refused("run", "--resume", old)


def line(user: str, text: str) -> str:
    return json.dumps({"user": user, "text": text, "time": None}) + "\n"


def test_a_good_corpus_is_described(here, tmp_path):
    path = tmp_path / "chat.jsonl.gz"
    path.write_bytes(gzip.compress((line("a", "Hello there!") + line("b", "so it is")).encode()))
    ended = here("corpus", "inspect", path, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    facts = json.loads(ended.stdout)
    assert (facts["users"], facts["utterances"], facts["words"]) == (2, 2, 5)
    assert (facts["bad_lines"], facts["first_bad_lines"]) == (0, [])
    assert "utterances_per_user_median" in here("corpus", "inspect", path).stdout


def test_bad_lines_are_shown_by_number_and_refused_by_run(here, refused, tmp_path):
    path = tmp_path / "chat.jsonl"
    path.write_bytes(line("a", "hi you").encode() + b'{"user": 3}\n' + b'{"user": "\xff"}\n')
    ended = here("corpus", "inspect", path)
    assert ended.returncode == 0
    assert "line 2: key `text` is missing" in ended.stdout
    assert "line 3: not UTF-8" in ended.stdout
    message = refused("run", "smoke", "--corpus", path, "--out", tmp_path / "run")
    assert "chat.jsonl, line 2" in message
    assert "text.skip_bad_lines" in message


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no words in 0 lines"),
        (b"\xff\xfe\n", "not UTF-8"),
        (gzip.compress(line("a", "hello").encode() * 50)[:-9], "gzip stream is damaged"),
    ],
    ids=["empty", "not UTF-8", "truncated"],
)
def test_a_corpus_that_cannot_be_used_is_refused(refused, tmp_path, content, said):
    path = tmp_path / "chat.jsonl"
    path.write_bytes(content)
    assert said in refused("run", "smoke", "--corpus", path, "--out", tmp_path / "run")
    if "gzip" in said:
        assert said in refused("corpus", "inspect", path)


def test_a_run_that_is_to_outlive_its_terminal_does(tmp_path):
    out = tmp_path / "run"
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    command = [sys.executable, "-m", "gboard_sim", "run", "smoke", "--out", str(out), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGHUP, before)
    while not (out / "provenance.json").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    assert json.loads(stdout)["versions"] > 0


@pytest.mark.parametrize(
    ("reach", "sent", "status", "said"),
    [
        ("provenance.json", signal.SIGINT, 130, "interrupted"),
        ("checkpoints/newest.safetensors", signal.SIGINT, 130, "interrupted"),
        ("checkpoints/newest.safetensors", signal.SIGTERM, 143, "terminated"),
        ("checkpoints/newest.safetensors", signal.SIGHUP, 143, "terminated"),
    ],
)
def test_a_run_that_is_stopped_says_one_line_and_tidies_up_and_resumes(
    refused, heeds_interrupts, tmp_path, reach, sent, status, said
):
    out, scratch = tmp_path / "run", tmp_path / "scratch"
    scratch.mkdir()
    command = [
        sys.executable, "-m", "gboard_sim", "run", "smoke", "--workers", "2", "--out", str(out),
        "--set", "run.versions=40", "--set", "run.checkpoint_every=1",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=os.environ | {"TMPDIR": str(scratch)},
    )  # fmt: skip
    while not (out / reach).exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    assert "a run is at work here" in refused("run", "--resume", out)
    os.killpg(process.pid, sent)  # as a terminal does: to the workers too
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (status, "")
    assert only_message(stderr).endswith(f"{said}; --resume goes on from the last checkpoint")
    assert not list(scratch.glob("gboard-sim-*"))  # the phones' text was there, and is gone
    assert not (out / "summary.json").exists()
    assert simulate.resume(out, workers=1).summary["stop_reason"] == "days"
