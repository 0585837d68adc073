"""`ledger.json` while a run goes on: what is promised, then one event a line as versions are made.

An event takes the place of the brackets that close the file, which follow it again, and is on the
disk before `append` returns. So a run writes every event once, and between two of them the file is
JSON. A write that a crash cut short spoils the last line at most: its version was not published,
and the resumed run makes it again.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gboard_sim.runlog.directory import RunDirectory, aside, writing

NAME = "ledger.json"

_OPENS = ',\n  "events": ['
_INDENT = "\n    "
_CLOSES = "\n  ]\n}\n"


class LedgerFile:
    """The file of one run, for appending; what a stopped run had written is kept.

    Args:
        directory: The run directory.
        promised: What stands before the events.

    Attributes:
        rows: The events that a run which is resumed had written.
    """

    def __init__(self, directory: RunDirectory, promised: Mapping[str, Any]) -> None:
        self._path = directory / NAME
        self.rows = _rows(self._path) if self._path.exists() else []
        self._empty = not self.rows
        self._end = write(directory, promised, self.rows)

    def append(self, row: Mapping[str, Any]) -> None:
        """Write one event; it is on the disk when this returns.

        Raises:
            RunDirectoryError: It cannot be written.
        """
        line = ("" if self._empty else ",") + _INDENT + _line(row)
        with writing(self._path), self._path.open("r+b") as file:
            file.seek(self._end)
            file.write((line + _CLOSES).encode())
            file.flush()
            os.fsync(file.fileno())
        self._end += len(line.encode())
        self._empty = False


def write(directory: RunDirectory, facts: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> int:
    """Write the whole file aside and rename it; the place where its closing brackets begin.

    Args:
        directory: The run directory.
        facts: What stands before the events; one at least.
        rows: The events.
    """
    head = json.dumps(facts, indent=2, ensure_ascii=False).removesuffix("\n}") + _OPENS
    text = head + ",".join(_INDENT + _line(row) for row in rows)
    path = directory / NAME
    with aside(path) as partial, partial.open("wb") as file:
        file.write((text + _CLOSES).encode())
        file.flush()
        os.fsync(file.fileno())
    with writing(path):
        folder = os.open(path.parent, os.O_RDONLY)  # which has to hold the new name, too
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return len(text.encode())


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False)


def _rows(path: Path) -> list[Mapping[str, Any]]:
    """The events in a file of which the last line may be cut short."""
    rows: list[Mapping[str, Any]] = []
    text = path.read_text(encoding="utf-8", errors="replace")
    for line in text.partition(_OPENS)[2].split("\n")[1:]:
        try:
            row = json.loads(line.removesuffix(","))
        except ValueError:  # the closing bracket, or a line cut short
            break
        rows.append(row)
    return rows
