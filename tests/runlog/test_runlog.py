"""A run directory: files there whole or not at all, and no other directory taken for one."""

import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gboard_sim import simulate
from gboard_sim.errors import RunDirectoryError
from gboard_sim.runlog.directory import SCHEMA, RunDirectory, aside, unused, writing


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def run_smoke(out: Path, *more: str, most_bytes: int | None = None) -> subprocess.CompletedProcess:
    def limit() -> None:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    command = [sys.executable, "-m", "gboard_sim", "run", "smoke", "--quiet", "--workers", "1"]
    return subprocess.run(
        [*command, "--out", str(out), *more],
        capture_output=True, text=True, preexec_fn=limit, check=False,
    )  # fmt: skip


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of its own, in memory, where the tests may make one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    can = shutil.which("mount") is not None
    if not can or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_what_is_written_is_read_back_and_nothing_else_is_left(tmp_path):
    directory = RunDirectory.create(tmp_path / "deep" / "run")
    directory.write_json("summary.json", {"ε": [1, 2.5, None]})
    directory.write_bytes("artefacts/graph.onnx", b"\x00\x01")
    directory.write_text("summary.txt", "zwölf\n")
    assert directory.read_json("summary.json") == {"ε": [1, 2.5, None]}
    assert (directory / "summary.txt").read_bytes() == "zwölf\n".encode()
    assert names(directory.path) == {"summary.json", "artefacts/graph.onnx", "summary.txt"}


def test_a_write_that_breaks_off_leaves_the_file_before_it(tmp_path):
    path = tmp_path / "state"
    path.write_text("before")

    def half() -> None:
        with aside(path) as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert path.read_text() == "before"
    assert names(tmp_path) == {"state"}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "x"), "no space left"),
        (OSError(errno.EDQUOT, "x"), "quota"),
        (OSError(errno.EFBIG, "x"), "ulimit"),
        (OSError(errno.EACCES, "x"), "Permission denied"),
        (OSError("8 requested and 3 written"), "8 requested and 3 written"),
    ],
)
def test_a_failed_write_is_one_message_that_names_the_file(tmp_path, error, said):
    with pytest.raises(RunDirectoryError) as refused, writing(tmp_path / "file"):
        raise error
    assert f"{tmp_path / 'file'}: cannot be written" in str(refused.value)
    assert said in str(refused.value)


@pytest.mark.parametrize("most_bytes", [300, 60_000])
def test_a_limit_on_file_sizes_ends_a_run_with_status_2(tmp_path, most_bytes):
    # At 300 bytes nothing fits; at 60,000 the first model does not, where the text does.
    small = ["--set", "text.messages_per_user=8", "--set", "fleet.phones=20"]
    ended = run_smoke(tmp_path / "run", *small, most_bytes=most_bytes)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "ulimit" in ended.stderr
    assert not [name for name in names(tmp_path) if "partial" in name or "summary" in name]


def test_a_full_disk_ends_a_run_with_status_2_and_a_larger_one_lets_it_end(smoke_path, tmp_path):
    disk = tmp_path / "disk"
    with small_disk(disk, "400k"):
        ended = run_smoke(disk / "run")
        assert ended.returncode == 2, ended.stderr
        assert ended.stderr.count("\n") == 1
        assert "no space left on the disk" in ended.stderr
        left = names(disk / "run")
        assert {"experiment.toml", "provenance.json"} <= left
        assert not [name for name in left if "partial" in name or "summary" in name]
        for path in disk.rglob("*.parquet"):
            pq.read_table(path)
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        finished = simulate.resume(disk / "run")
        expected = json.loads((smoke_path / "summary.json").read_text())
        for key in ("parameters_sha256", "uplink_bytes", "recall_at_3"):
            assert finished.summary[key] == expected[key]


def test_a_folder_that_cannot_be_made_or_read_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot be written: Not a directory"):
        RunDirectory.create(tmp_path / "file" / "run")
    with pytest.raises(RunDirectoryError, match="not an empty folder"):
        RunDirectory.create(tmp_path / "file")
    with pytest.raises(RunDirectoryError, match="File name too long"):
        RunDirectory.create(tmp_path / ("long" * 100))


def test_an_empty_folder_becomes_a_run_directory(tmp_path):
    (tmp_path / "run").mkdir()
    assert RunDirectory.create(tmp_path / "run").path == tmp_path / "run"
    (tmp_path / "run" / "note").write_text("mine")
    with pytest.raises(RunDirectoryError, match="--resume"):
        RunDirectory.create(tmp_path / "run")


@pytest.mark.parametrize(
    ("provenance", "said"),
    [
        (None, "not a run directory"),
        (json.dumps({"schema": SCHEMA - 1}), f"schema = {SCHEMA - 1}; this version reads {SCHEMA}"),
        (json.dumps({"schema": SCHEMA + 1}), f"schema = {SCHEMA + 1}; this version reads {SCHEMA}"),
        (json.dumps({}), "schema = None"),
        (json.dumps([1]), r"provenance\.json: not a JSON object"),
        ("{", r"provenance\.json: cannot be read"),
    ],
)
def test_a_foreign_directory_is_refused(tmp_path, provenance, said):
    (tmp_path / "experiment.toml").write_text("")
    if provenance is not None:
        (tmp_path / "provenance.json").write_text(provenance)
    with pytest.raises(RunDirectoryError, match=said):
        RunDirectory.open(tmp_path, whole=False)


def test_an_unfinished_directory_is_opened_only_by_who_says_so(tmp_path):
    directory = RunDirectory.create(tmp_path / "run")
    directory.write_text("experiment.toml", "")
    directory.write_json("provenance.json", {"schema": SCHEMA})
    assert RunDirectory.open(tmp_path / "run", whole=False).path == directory.path
    with pytest.raises(RunDirectoryError, match=f"--resume {tmp_path / 'run'}"):
        RunDirectory.open(tmp_path / "run")
    directory.write_json("summary.json", {})
    assert RunDirectory.open(tmp_path / "run").path == directory.path


def test_a_missing_or_damaged_table_is_named(tmp_path):
    directory = RunDirectory.create(tmp_path / "run")
    with pytest.raises(RunDirectoryError, match=r"versions\.parquet: cannot be read"):
        directory.table("versions")
    pq.write_table(pa.table({"version": [1, 2]}), directory / "versions.parquet")
    assert directory.table("versions")["version"].to_pylist() == [1, 2]
    os.truncate(directory / "versions.parquet", 30)
    with pytest.raises(RunDirectoryError, match=r"versions\.parquet: cannot be read"):
        directory.table("versions")


def test_a_name_that_is_taken_gets_a_number(tmp_path):
    for expected in ("smoke-1", "smoke-1-2", "smoke-1-3"):
        path = unused(tmp_path, "smoke-1")
        assert path.name == expected
        path.mkdir()


def test_a_directory_belongs_to_one_run_at_a_time(tmp_path):
    first = RunDirectory.create(tmp_path / "run")
    with first.locked():
        with (
            pytest.raises(RunDirectoryError, match="a run is at work here"),
            RunDirectory(tmp_path / "run").locked(),
        ):
            pass
        assert names(tmp_path) == set()  # and nothing is left of the lock
    with RunDirectory(tmp_path / "run").locked():
        pass
