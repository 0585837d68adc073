"""A recorded trace of phones: when each signal held, checked, and replayed as eligible windows.

A row says that some signals of a phone held from `start_s` to `end_s`, seconds since the trace
began, which is the moment when the run begins (00:00 UTC): recorded times are taken as they are,
whatever the time zones of the fleet. `eligible` stands for all three signals. A signal holds
wherever a row says so; a phone is eligible where all the signals that are asked for hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gboard_sim.errors import TraceError
from gboard_sim.fleet.intervals import Intervals, intersect, ticks, union
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.trace_file import TraceRows, read_rows
from gboard_sim.units import DAY_S

SIGNALS = ("idle", "charging", "unmetered")
_ELIGIBLE = "eligible"
_MOST_DAYS = 3650  # as many as a run may have


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that keeps its promises.

    Attributes:
        source: Where it comes from, for messages.
        phones: Its phones, in the order in which they first appear.
        signals: For each signal when it held, by the number of the phone.
        rows: Rows read.
        end_s: The end of the last row.
    """

    source: str
    phones: tuple[str, ...]
    signals: dict[str, Intervals]
    rows: int
    end_s: float

    @property
    def days(self) -> int:
        """Its length in days, the last one rounded up."""
        return int(np.ceil(self.end_s / DAY_S))

    def eligible(self, needs: Sequence[str] = SIGNALS) -> Intervals:
        """When all the signals asked for held.

        Raises:
            TraceError: They never do, on any phone.
        """
        found = self.signals[needs[0]]
        for name in needs[1:]:
            found = intersect(found, self.signals[name])
        if not len(found):
            raise TraceError(
                f"{self.source}: {', '.join(needs)} never hold together on any of its "
                f"{len(self.phones)} phones; hint: fleet.trace_needs names the signals that count"
            )
        return found


def read_trace(path: Path | str) -> Trace:
    """The trace in a file.

    Raises:
        TraceError: The file cannot be read or a row cannot be true; names the phone, the row
            (counted from 1, without a header) and the reason.
    """
    return check_trace(read_rows(path))


def check_trace(rows: TraceRows) -> Trace:
    """The trace that rows make. Raises TraceError as `read_trace`."""
    if not len(rows):
        raise TraceError(f"{rows.source}: no rows; allowed: at least one interval of one phone")
    kinds = _kinds(rows)
    start_s, end_s = rows.start_s, rows.end_s
    most_s = _MOST_DAYS * DAY_S
    for wrong, reason, allowed in (
        (~np.isfinite(start_s), "start_s is not finite", "finite seconds"),
        (~np.isfinite(end_s), "end_s is not finite", "finite seconds"),
        (start_s < 0.0, "start_s is negative", "seconds since the trace began"),
        (end_s < start_s, "end_s is before start_s", "an end after the start"),
        (end_s == start_s, "the interval is empty", "an end after the start"),
        (end_s > most_s, "end_s is too late", f"at most {_MOST_DAYS} days; hint: seconds?"),
    ):
        if wrong.any():
            raise _refusal(rows, int(np.flatnonzero(wrong)[0]), reason, allowed)
    _check_order(rows, kinds)
    holds = np.array([[bool(kind >> bit & 1) for bit in range(len(SIGNALS))] for kind in kinds])
    signals = {}
    for bit, name in enumerate(SIGNALS):
        mine = holds[rows.signals, bit]
        signals[name] = union(rows.phone[mine], ticks(start_s[mine]), ticks(end_s[mine]))
    return Trace(rows.source, rows.phones, signals, len(rows), float(ticks(end_s.max())))


def _refusal(rows: TraceRows, row: int, reason: str, allowed: str) -> TraceError:
    return TraceError(
        f"{rows.source}, row {row + 1}, phone {rows.phones[rows.phone[row]]!r}: {reason} "
        f"(start_s = {rows.start_s[row]:.15g}, end_s = {rows.end_s[row]:.15g}, signals = "
        f"{rows.signal_sets[rows.signals[row]]!r}); allowed: {allowed}"
    )


def _kinds(rows: TraceRows) -> Ints:
    """The different entries of `signals` as bit sets."""
    found = np.zeros(len(rows.signal_sets), dtype=np.int64)
    for number, text in enumerate(rows.signal_sets):
        for name in map(str.strip, text.split("|")):
            if name == _ELIGIBLE:
                found[number] |= (1 << len(SIGNALS)) - 1
            elif name in SIGNALS:
                found[number] |= 1 << SIGNALS.index(name)
            else:
                raise _refusal(
                    rows,
                    int(np.flatnonzero(rows.signals == number)[0]),
                    f"unknown signal {name!r}",
                    f"{', '.join(SIGNALS)} joined by '|', or {_ELIGIBLE}",
                )
    return found


def _check_order(rows: TraceRows, kinds: Ints) -> None:
    """Refuses rows of one phone and set of signals that overlap or go back in time."""
    kind = kinds[rows.signals]
    order = np.lexsort((kind, rows.phone))
    before, row = order[:-1], order[1:]
    same = (rows.phone[before] == rows.phone[row]) & (kind[before] == kind[row])
    wrong: Flags = same & (rows.start_s[row] < rows.end_s[before])
    if not wrong.any():
        return
    first = int(row[wrong].min())
    earlier = int(before[np.flatnonzero(row == first)[0]])
    ahead = rows.start_s[first] < rows.start_s[earlier]
    reason = "is out of order, before" if ahead else "overlaps"
    raise _refusal(
        rows,
        first,
        f"the interval {reason} that of row {earlier + 1}, {rows.start_s[earlier]:.15g} to "
        f"{rows.end_s[earlier]:.15g}",
        "intervals of one phone and the same signals in order of time and apart",
    )


class TraceWindows:
    """The eligible windows of a fleet that lives by a trace: phone p lives as trace phone p mod n.

    A day holds the windows that begin in it, whole: none is cut at midnight. A trace that wraps
    repeats after its days; a window that is open at its end goes on where one is open at its
    beginning, but for a phone that is eligible all the time, whose windows are the repetitions.
    Where the fleet is larger than the trace, the phones that live as trace phone i are copies; copy
    c lives c days ahead of it (modulo the days), so that copies differ and keep their hours, though
    not their weekdays. A trace that stops has copies that are alike, and nobody is eligible after
    its end.

    Args:
        trace: The trace.
        phones: Phones of the fleet.
        needs: The signals that make a phone eligible.
        wrap: Whether it repeats.
        days: After how many days; None takes those of the trace.

    Raises:
        TraceError: A row ends after these days, or the signals never hold together.
    """

    def __init__(
        self,
        trace: Trace,
        phones: int,
        *,
        needs: Sequence[str] = SIGNALS,
        wrap: bool = True,
        days: int | None = None,
    ) -> None:
        if days is not None and trace.end_s > days * DAY_S:
            raise TraceError(
                f"fleet.trace_days = {days} is not allowed: {trace.source} ends after "
                f"{trace.end_s:.15g} s; allowed: at least {trace.days}"
            )
        self.days = trace.days if days is None else days
        self._phones = phones
        self._wrap = wrap
        self._trace_phones = len(trace.phones)
        found = trace.eligible(needs)
        phone, start_s, end_s = found.phone, found.start_s, found.end_s
        if wrap:
            phone, start_s, end_s = _joined(found, self.days * DAY_S)
        day = (start_s // DAY_S).astype(np.int64)
        order = np.argsort(day, kind="stable")
        self._phone, self._start_s, self._end_s = phone[order], start_s[order], end_s[order]
        self._first = np.searchsorted(day[order], np.arange(self.days + 1))
        longest_s = float((end_s - start_s).max())
        self.first_day = -int(np.ceil(longest_s / DAY_S)) if wrap else 0

    def begins_s(self, day: int) -> float:
        """Midnight; infinity after the end of a trace that stops."""
        return day * DAY_S if self._wrap or day < self.days else float("inf")

    def day(self, day: int) -> Intervals:
        """The windows that begin on that day, in seconds since its midnight."""
        copies = -(-self._phones // self._trace_phones)
        parts = []
        for ahead in range(min(self.days, copies) if self._wrap else 1):
            of_trace = (day + ahead) % self.days
            rows = slice(self._first[of_trace], self._first[of_trace + 1])
            copy = np.arange(ahead, copies, self.days if self._wrap else 1)
            phone = copy[:, None] * self._trace_phones + self._phone[rows]
            row = np.broadcast_to(np.arange(rows.start, rows.stop), phone.shape)
            lives = phone < self._phones
            parts.append((phone[lives], row[lives], np.full(int(lives.sum()), of_trace * DAY_S)))
        phone, row, since_s = (np.concatenate(column) for column in zip(*parts, strict=True))
        order = np.argsort(phone, kind="stable")
        row, since_s = row[order], since_s[order]
        return Intervals(phone[order], self._start_s[row] - since_s, self._end_s[row] - since_s)


def _joined(found: Intervals, length_s: float) -> tuple[Ints, Floats, Floats]:
    """Windows of a trace that repeats: what the end cuts in two is made whole."""
    phone, start_s, end_s = found.phone, found.start_s, found.end_s.copy()
    last = np.append(phone[1:] != phone[:-1], True)
    first = np.append(True, last[:-1])
    opens, closes = np.flatnonzero(first), np.flatnonzero(last)
    cut = (start_s[opens] == 0.0) & (end_s[closes] == length_s) & (opens != closes)
    end_s[closes[cut]] += end_s[opens[cut]]
    kept = np.ones(len(phone), dtype=bool)
    kept[opens[cut]] = False
    return phone[kept], start_s[kept], end_s[kept]
