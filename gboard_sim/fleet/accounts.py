"""Keeps count: finished sessions, handed over in blocks, and what they cost the fleet."""

from collections.abc import Callable
from typing import Any

import numpy as np

from gboard_sim.fleet.intervals import Intervals
from gboard_sim.records import Floats, Ints, Sessions
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
        self._pending: list[dict[str, Any]] = []
        self._rows = 0

    def write(self, columns: dict[str, Any]) -> Ints:
        """Logs sessions whose end is certain.

        Args:
            columns: The columns of `Sessions` but `session`, each of shape [n].

        Returns:
            The sessions' numbers. Shape [n].
        """
        n = len(columns["phone"])
        number = np.arange(self.sessions, self.sessions + n)
        self.sessions += n
        phone = columns["phone"]
        np.add.at(self.download_bytes, phone, columns["download_bytes"])
        np.add.at(self.upload_bytes, phone, columns["upload_bytes"])
        for row, name in enumerate(("energy_low_j", "energy_j", "energy_high_j")):
            np.add.at(self.energy_j[row], phone, columns[name])
        self._pending.append({"session": number, **columns})
        self._rows += n
        if self._rows >= _BLOCK_ROWS:
            self.flush()
        return number

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

    Attributes:
        by_hour: Mean number of eligible phones in each hour of the run. Shape [hours].
        by_local_hour: Phone-hours of eligibility in each hour of the phones' own day. Shape [24].
    """

    def __init__(self, hours: int, utc_offset_s: Floats) -> None:
        self.by_hour = np.zeros(hours)
        self.by_local_hour = np.zeros(24)
        self._end_s = hours * HOUR_S
        self._utc_offset_s = utc_offset_s

    def add(self, windows: Intervals) -> None:
        """Counts windows, cut to the run."""
        start_s = np.clip(windows.start_s, 0.0, self._end_s)
        end_s = np.clip(windows.end_s, 0.0, self._end_s)
        hours = len(self.by_hour)
        self.by_hour += _occupancy(start_s, end_s, hours)
        shift_s = self._utc_offset_s[windows.phone] + 24 * HOUR_S
        local = _occupancy(start_s + shift_s, end_s + shift_s, hours + 48)
        self.by_local_hour += np.bincount(np.arange(len(local)) % 24, weights=local, minlength=24)


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
