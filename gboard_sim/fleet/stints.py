"""Training that phones have done and not yet sent: a log of columns, linked by phone.

Unsent training costs a row, not a model: it is replayed when its upload is certain.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from gboard_sim.seam.records import Floats, Ints

_NONE = -1
_COMPACT_ABOVE = 65_536  # rows below which compaction is not worth a pass (assumed)
_INTEGERS = ("phone", "nth", "version", "first", "last", "tokens", "previous")
_TIMES = ("began_s", "ended_s")


class StintLog:
    """Rows of stints; each phone's newest kept row is linked to the ones before it."""

    def __init__(self, phones: int) -> None:
        self._newest = np.full(phones, _NONE, dtype=np.int64)
        self._columns: dict[str, npt.NDArray[Any]] = {}
        self._rows = 0
        self._reserve(1024)

    def append(
        self,
        phone: Ints,
        *,
        nth: Ints,
        version: Ints,
        first: Ints,
        last: Ints,
        tokens: Ints,
        began_s: Floats,
        ended_s: Floats,
    ) -> None:
        """Adds one finished stint for each of some distinct phones. All of shape [n]."""
        if self._rows + len(phone) > len(self._columns["phone"]):
            self._compact()
            self._reserve(self._rows + len(phone))
        rows = slice(self._rows, self._rows + len(phone))
        values = (phone, nth, version, first, last, tokens, self._newest[phone])
        for name, value in zip(_INTEGERS, values, strict=True):
            self._columns[name][rows] = value
        self._columns["began_s"][rows] = began_s
        self._columns["ended_s"][rows] = ended_s
        self._newest[phone] = np.arange(rows.start, rows.stop)
        self._rows = rows.stop

    def drop(self, phone: Ints) -> None:
        """Forgets all that these phones have kept."""
        self._newest[phone] = _NONE

    def kept(self, phone: Ints) -> dict[str, npt.NDArray[Any]]:
        """The stints that some phones have kept.

        Args:
            phone: Distinct phones. Shape [n].

        Returns:
            Columns of one row per stint: `owner`, a place in `phone`, with a phone's stints oldest
            first and phones in the order given, and those of `append`.
        """
        owners, rows = [], []
        owner, row = np.arange(len(phone)), self._newest[phone]
        while len(row):
            owner, row = owner[row != _NONE], row[row != _NONE]
            owners.append(owner)
            rows.append(row)
            row = self._columns["previous"][row]
        owner = np.concatenate([*owners[::-1], np.zeros(0, dtype=np.int64)])
        row = np.concatenate([*rows[::-1], np.zeros(0, dtype=np.int64)])
        order = np.argsort(owner, kind="stable")
        owner, row = owner[order], row[order]
        columns = {name: self._columns[name][row] for name in (*_INTEGERS[:-1], *_TIMES)}
        return {"owner": owner, **columns}

    def oldest(self) -> int:
        """The oldest version that a kept stint trained on from; the largest integer without one."""
        least = np.iinfo(np.int64).max
        row = self._newest[self._newest != _NONE]
        while len(row):
            least = min(least, self._columns["version"][row].min())
            row = self._columns["previous"][row]
            row = row[row != _NONE]
        return int(least)

    def _reserve(self, rows: int) -> None:
        """Room for at least `rows` rows, doubling so that growth costs a constant per row."""
        size = max(rows, 2 * self._rows, 1024)
        for name in (*_INTEGERS, *_TIMES):
            column = np.zeros(size, dtype=np.int64 if name in _INTEGERS else np.float64)
            if self._rows:
                column[: self._rows] = self._columns[name][: self._rows]
            self._columns[name] = column

    def _compact(self) -> None:
        """Drops the rows that no phone keeps any more."""
        if self._rows < _COMPACT_ABOVE:
            return
        live = np.zeros(self._rows, dtype=bool)
        frontier = self._newest[self._newest != _NONE]
        previous = self._columns["previous"]
        while len(frontier):
            live[frontier] = True
            frontier = previous[frontier]
            frontier = frontier[frontier != _NONE]
        place = np.cumsum(live) - 1
        for name, column in self._columns.items():
            kept = column[: self._rows][live]
            if name == "previous":
                kept = np.where(kept == _NONE, _NONE, place[kept])
            column[: len(kept)] = kept
        self._newest = np.where(self._newest == _NONE, _NONE, place[self._newest])
        self._rows = int(live.sum())
