"""The ledger's file while a run goes on: whole between two events, and read back when cut short."""

import json
import os
from itertools import pairwise

import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.runlog import ledger_file
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.ledger_file import LedgerFile

PROMISED = {"claim": {"delta": 1e-6, "words": ["a", "b"]}, "sentence": "epsilon é"}
ROWS = [
    {"version": 1, "refused": []},
    {"version": 2, "refused": [[7, "update holds ], } and \n \u2028 é"]]},
    {"version": 3, "refused": []},
]


def read(path):
    return json.loads((path / "ledger.json").read_text(encoding="utf-8"))


def test_the_file_is_json_before_and_after_every_event(tmp_path):
    file = LedgerFile(RunDirectory(tmp_path), PROMISED)
    assert read(tmp_path) == {**PROMISED, "events": []}
    for count, row in enumerate(ROWS, 1):
        file.append(row)
        assert read(tmp_path) == {**PROMISED, "events": ROWS[:count]}
    assert LedgerFile(RunDirectory(tmp_path), PROMISED).rows == ROWS


def test_an_event_is_written_once_however_many_there_are(tmp_path, monkeypatch):
    file, written = LedgerFile(RunDirectory(tmp_path), PROMISED), []
    synced = os.fsync

    def counts(descriptor):
        synced(descriptor)
        written.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(ledger_file.os, "fsync", counts)
    before = (tmp_path / "ledger.json").stat()
    for _ in range(50):
        file.append(ROWS[0])
    each = {after - size for size, after in pairwise(written)}
    assert each == {len(json.dumps(ROWS[0])) + len(",\n    ")}
    assert (tmp_path / "ledger.json").stat().st_ino == before.st_ino  # never replaced


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_a_file_cut_short_anywhere_keeps_every_event_that_was_whole(tmp_path, kept):
    file, sizes = LedgerFile(RunDirectory(tmp_path), PROMISED), []
    for row in ROWS:
        sizes.append(len((tmp_path / "ledger.json").read_bytes()) - len("\n  ]\n}\n"))
        file.append(row)
    content = (tmp_path / "ledger.json").read_bytes()
    sizes.append(len(content) - len("\n  ]\n}\n"))
    until = sizes[kept + 1] if kept < 3 else len(content)
    for cut in range(sizes[kept], until):
        (tmp_path / "ledger.json").write_bytes(content[:cut])
        again = LedgerFile(RunDirectory(tmp_path), PROMISED)
        assert again.rows == ROWS[:kept]
        again.append({"version": 9})
        assert read(tmp_path)["events"] == [*ROWS[:kept], {"version": 9}]


def test_a_whole_file_holds_what_the_end_adds(tmp_path):
    ledger_file.write(RunDirectory(tmp_path), {**PROMISED, "broken": None}, ROWS)
    assert read(tmp_path) == {**PROMISED, "broken": None, "events": ROWS}
    assert LedgerFile(RunDirectory(tmp_path), PROMISED).rows == ROWS


def test_what_cannot_be_written_says_so(tmp_path):
    file = LedgerFile(RunDirectory(tmp_path), PROMISED)
    (tmp_path / "ledger.json").unlink()
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        file.append(ROWS[0])
