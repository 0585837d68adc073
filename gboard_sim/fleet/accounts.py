"""Keeps count: finished sessions, handed over in blocks, and what they cost the fleet."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gboard_sim.fleet.intervals import Intervals
from gboard_sim.seam.records import Floats, Sessions
from gboard_sim.units import HOUR_S

_BLOCK_ROWS = 4096  # sessions in a block: bounds memory and call overhead (assumed)
_COLUMNS = tuple(Sessions.__dataclass_fields__)


class Accounts:
    """Running totals over all sessions, and the log that they are written to.

    Attributes:
        sessions: Sessions logged.
        checkins: Check-ins, rejected ones included.
        rejected: Check-ins that were turned away.
        cycles_abandoned: Cycles that started over because their base was too old.
        download_bytes: Bytes that reached each phone. Shape [phones].
        upload_bytes: Bytes that left each phone. Shape [phones].
        energy_j: Low, central, high, of each phone. Shape [3, phones].
        participants: Sessions that the server configured, by the hour of check-in. Shape [hours].
    """

    def __init__(self, log: Callable[[Sessions], None], phones: int, hours: int) -> None:
        self.sessions = 0
        self.checkins = 0
        self.rejected = 0
        self.cycles_abandoned = 0
        self.download_bytes = np.zeros(phones, dtype=np.int64)
        self.upload_bytes = np.zeros(phones, dtype=np.int64)
        self.energy_j = np.zeros((3, phones))
        self.participants = np.zeros(hours, dtype=np.int64)
        self._log = log
        self._waiting: dict[int, dict[str, Any]] = {}
        self._next = 0
        self._pending: list[dict[str, Any]] = []
        self._rows = 0

    def reserve(self, sessions: int) -> int:
        """Numbers sessions that have begun; returns the first number."""
        first = self.sessions
        self.sessions += sessions
        return first

    def write(self, first: int, columns: dict[str, Any]) -> None:
        """Logs sessions whose end is certain, in the order of their numbers.

        Args:
            first: What `reserve` returned for them.
            columns: The columns of `Sessions` but `session`, each of shape [n].
        """
        self._waiting[first] = columns
        while self._next in self._waiting:
            self._log_next(self._waiting.pop(self._next))

    def _log_next(self, columns: dict[str, Any]) -> None:
        n = len(columns["phone"])
        number = np.arange(self._next, self._next + n)
        self._next += n
        phone = columns["phone"]
        np.add.at(self.download_bytes, phone, columns["download_bytes"])
        np.add.at(self.upload_bytes, phone, columns["upload_bytes"])
        for row, name in enumerate(("energy_low_j", "energy_j", "energy_high_j")):
            np.add.at(self.energy_j[row], phone, columns[name])
        self._pending.append({"session": number, **columns})
        self._rows += n
        if self._rows >= _BLOCK_ROWS:
            self.flush()

    def participated(self, began_s: Floats) -> None:
        """Counts sessions that the server configured, by the hour of their check-in."""
        hour = np.minimum(began_s // HOUR_S, len(self.participants) - 1).astype(np.int64)
        self.participants += np.bincount(hour, minlength=len(self.participants))

    def flush(self) -> None:
        """Hands over what is logged and not handed over yet."""
        if not self._rows:
            return
        parts = self._pending
        self._pending, self._rows = [], 0
        self._log(Sessions(**{name: np.concatenate([p[name] for p in parts]) for name in _COLUMNS}))


class Eligibility:
    """Phone-hours of eligibility, by simulated hour and by local hour of the day.

    Args:
        hours: Length of the run.
        utc_offset_s: Of each phone. Shape [phones].
    """

    def __init__(self, hours: int, utc_offset_s: Floats) -> None:
        self._offset_s, self._zone, self._phones = np.unique(
            utc_offset_s, return_inverse=True, return_counts=True
        )
        self._by_zone = np.zeros((len(self._offset_s), hours))
        self._total = np.zeros(hours)
        self._first_s = np.full(len(utc_offset_s), np.inf)

    def add(self, windows: Intervals) -> None:
        """Counts windows, cut to the run."""
        hours = self._by_zone.shape[1]
        inside = windows.end_s > 0.0
        phone, first_row = np.unique(windows.phone[inside], return_index=True)
        first_s = np.maximum(windows.start_s[inside][first_row], 0.0)
        self._first_s[phone] = np.minimum(self._first_s[phone], first_s)
        start_s, end_s = (
            np.clip(side, 0.0, hours * HOUR_S) for side in (windows.start_s, windows.end_s)
        )
        zone = self._zone[windows.phone]
        for number in range(len(self._offset_s)):
            there = zone == number
            self._by_zone[number] += _occupancy(start_s[there], end_s[there], hours)
        self._total = self._by_zone.sum(axis=0)

    def at(self, at_s: Floats) -> Floats:
        """Mean number of eligible phones in the hour of each time. Shape [n]."""
        hour = np.minimum(at_s // HOUR_S, len(self._total) - 1).astype(np.int64)
        found: Floats = self._total[hour]
        return found

    def first_s(self, ended_s: float) -> Floats:
        """When each phone was first eligible, infinite where never before the end. Shape [phones].

        Args:
            ended_s: When the run ended.
        """
        return np.where(self._first_s < ended_s, self._first_s, np.inf)

    def by_hour(self) -> Floats:
        """Mean number of eligible phones in each hour of the run. Shape [hours]."""
        return self._total

    def by_local_hour(self, ended_s: float) -> Floats:
        """Mean number of eligible phones in each hour of their own day. Shape [24].

        Args:
            ended_s: When the run ended: hours that began later say nothing.
        """
        hours = min(self._by_zone.shape[1], int(np.ceil(ended_s / HOUR_S)))
        eligible, lived = np.zeros(24), np.zeros(24)
        for offset_s, phones, by_hour in zip(
            self._offset_s, self._phones, self._by_zone, strict=True
        ):
            local = np.floor(np.arange(hours) + offset_s / HOUR_S).astype(np.int64) % 24
            eligible += np.bincount(local, weights=by_hour[:hours], minlength=24)
            lived += phones * np.bincount(local, minlength=24)
        return eligible / np.maximum(lived, 1) * len(self._zone)


def _occupancy(start_s: Floats, end_s: Floats, hours: int) -> Floats:
    """Phone-hours in each hour: the integral of the number of open intervals."""
    return _since(start_s, hours) - _since(end_s, hours)


def _since(time_s: Floats, hours: int) -> Floats:
    """The sum over `time_s` of the part of each hour that lies after it. Shape [hours]."""
    at_h = time_s / HOUR_S
    hour = np.minimum(np.floor(at_h), hours).astype(np.int64)
    count = np.bincount(hour, minlength=hours + 1)
    into = np.bincount(hour, weights=at_h - hour, minlength=hours + 1)
    before = np.cumsum(count) - count
    return (before + count - into)[:hours].astype(np.float64)
