"""The calendar of eligible windows: generated a day at a time, looked up by binary search."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gboard_sim.fleet.intervals import Intervals
from gboard_sim.records import Floats, Ints


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


@dataclass(frozen=True, slots=True)
class _Block:
    """One generated day; windows of phone p are rows `first[p]:first[p + 1]`."""

    origin_s: float
    span_s: float
    first: Ints
    start_s: Floats
    end_s: Floats
    end_key: Floats


class Calendar:
    """Eligible windows of all phones in the days generated so far."""

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
        span_s = float(2.0 ** np.ceil(np.log2(float(found.end_s.max(initial=0.0)) + 2.0)))
        first = np.searchsorted(found.phone, np.arange(self._phones + 1))
        windows = Intervals(found.phone, found.start_s + origin_s, found.end_s + origin_s)
        self._blocks.append(
            _Block(
                origin_s,
                span_s,
                first,
                windows.start_s,
                windows.end_s,
                found.phone * span_s + found.end_s,
            )
        )
        return windows

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
        open_ = np.arange(len(phone))
        for block in self._blocks:
            if not len(open_):
                break
            who = phone[open_]
            since_s = np.clip(at_s[open_] - block.origin_s, -1.0, block.span_s - 0.5)
            row = np.searchsorted(block.end_key, who * block.span_s + since_s, side="right")
            row = np.maximum(row, block.first[who])
            found = row < block.first[who + 1]
            hit, row = open_[found], row[found]
            start_s[hit] = np.maximum(block.start_s[row], at_s[hit])
            end_s[hit] = block.end_s[row]
            open_ = open_[~found]
        return start_s, end_s

    def forget(self, before_s: float) -> None:
        """Drops generated days whose last window has ended."""
        self._blocks = [b for b in self._blocks if b.end_s.max(initial=-np.inf) > before_s]
