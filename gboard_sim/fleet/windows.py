"""The calendar of eligible windows: generated a day at a time, looked up by binary search."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.fleet.intervals import TICKS_PER_S, Intervals
from gboard_sim.seam.records import Floats, Ints


class WindowSource(Protocol):
    """Where windows come from, in days whose windows do not overlap.

    Attributes:
        first_day: The first day that can hold a window which ends after the start of the run.
    """

    first_day: int

    def begins_s(self, day: int) -> float:
        """No window of `day` or a later day begins before this time; infinity past the last."""
        ...

    def day(self, day: int) -> Intervals:
        """The windows of `day`, in seconds since `begins_s(day)`."""
        ...


class FixedWindows:
    """Windows that were given: a recorded trace, or a case worked out by hand."""

    first_day = 0

    def __init__(self, windows: Intervals) -> None:
        self._windows = windows

    def begins_s(self, day: int) -> float:
        """Zero for the one day there is."""
        return 0.0 if day == 0 else float("inf")

    def day(self, day: int) -> Intervals:
        """All windows."""
        return self._windows


_FEW = 64  # queries for which one search of everything costs less than many small steps (measured)


@dataclass(frozen=True, slots=True)
class _Block:
    """One generated day in ticks since its origin, 12 bytes a window, sorted by phone and end.

    Attributes:
        origin_s: Where its time begins.
        last_s: When its last window ends.
        shift: Bits of a key below the phone's.
        key: Phone and end of each window in one number, and a last key above all. Shape [n + 1].
        start: Start of each window. Shape [n + 1].
        first: Rows of phone p are `first[p]:first[p + 1]`. Shape [phones + 1].
        halvings: Steps in which a search among one phone's windows ends.
    """

    origin_s: float
    last_s: float
    shift: int
    key: Ints
    start: npt.NDArray[np.unsignedinteger[Any]]
    first: npt.NDArray[np.int32]
    halvings: int

    @classmethod
    def of(cls, found: Intervals, origin_s: float, phones: int) -> "_Block":
        """The windows of a day, in seconds since `origin_s`."""
        last_s = float(found.end_s.max(initial=0.0))
        shift = int(last_s * TICKS_PER_S).bit_length()
        key = np.full(len(found) + 1, np.iinfo(np.int64).max)
        np.left_shift(found.phone, shift, out=key[:-1])
        key[:-1] += (found.end_s * TICKS_PER_S).astype(np.int64)
        small: Any = np.uint32 if shift <= 32 else np.uint64
        start = np.zeros(len(found) + 1, dtype=small)
        start[:-1] = found.start_s * TICKS_PER_S
        count = np.bincount(found.phone, minlength=phones)
        first = np.zeros(phones + 1, dtype=np.int32)
        np.cumsum(count, out=first[1:])
        most = int(count.max(initial=0)).bit_length()
        return cls(origin_s, origin_s + last_s, shift, key, start, first, most)

    def rows(self, phone: Ints, at_s: Floats) -> Ints:
        """The first window of each phone that ends after a time, or a row of the next phone."""
        # A window is over when its end, a whole tick, is not above the time's floor.
        since = np.maximum((at_s - self.origin_s) * TICKS_PER_S, 0.0)
        since = np.minimum(since, (1 << self.shift) - 1).astype(np.int64)
        wanted = (phone << self.shift) + since
        if len(phone) < _FEW:
            return self.key.searchsorted(wanted, side="right")
        low, high = self.first.take(phone), self.first.take(phone + 1)
        for _ in range(self.halvings):
            middle = (low + high) >> 1
            over = self.key.take(middle) <= wanted
            low, high = np.where(over, middle + 1, low), np.where(over, high, middle)
        return low.astype(np.int64)


class Calendar:
    """Eligible windows of all phones in the days generated so far.

    Args:
        source: Where windows come from. Their times are whole ticks, see `intervals`.
        phones: Phones of the fleet.
    """

    def __init__(self, source: WindowSource, phones: int) -> None:
        self._source = source
        self._phones = phones
        self._next_day = source.first_day
        self._blocks: list[_Block] = []

    @property
    def known_until_s(self) -> float:
        """All windows that begin before this time are known."""
        return self._source.begins_s(self._next_day)

    def extend(self) -> Intervals:
        """Generates one more day and returns its windows, in seconds since the run's start."""
        origin_s = self._source.begins_s(self._next_day)
        found = self._source.day(self._next_day)
        self._next_day += 1
        self._blocks.append(_Block.of(found, origin_s, self._phones))
        return Intervals(found.phone, found.start_s + origin_s, found.end_s + origin_s)

    def next_available(self, phone: Ints, at_s: Floats) -> tuple[Floats, Floats]:
        """From when, and until when, each phone is next eligible at or after a time of its own.

        Args:
            phone: Phones. Shape [n].
            at_s: A time for each. Shape [n].

        Returns:
            Start (`at_s` itself inside a window) and end of the eligibility; both infinite where
            no window that ends after `at_s` is known. Shape [n] each.
        """
        start_s = np.full(len(phone), np.inf)
        end_s = np.full(len(phone), np.inf)
        open_, who, when_s = np.arange(len(phone)), phone, at_s
        for block in self._blocks:
            if not len(open_):
                break
            row = block.rows(who, when_s)
            key = block.key.take(row)
            found = key >> block.shift == who
            hit, row = open_[found], row[found]
            start_s[hit] = block.start.take(row) / TICKS_PER_S + block.origin_s
            end = key[found] & ((1 << block.shift) - 1)
            end_s[hit] = end / TICKS_PER_S + block.origin_s
            rest = ~found
            open_, who, when_s = open_[rest], who[rest], when_s[rest]
        return np.maximum(start_s, at_s), end_s

    def forget(self, before_s: float) -> None:
        """Drops generated days whose last window has ended."""
        self._blocks = [block for block in self._blocks if block.last_s > before_s]
