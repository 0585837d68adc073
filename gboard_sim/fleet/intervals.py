"""Sets of intervals of many phones at once: union, intersection and look-up as array operations.

Times are multiples of a tick of 1/1024 s and lie in a span of their own, so that
`phone * span + time` is exact in float64 and one sorted axis serves all phones: 2^20 phones times a
span of 2^18 s (three days) times 2^10 ticks are 48 of its 53 bits.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim.records import Floats, Ints

TICKS_PER_S = 1024.0


def ticks(time_s: Floats) -> Floats:
    """The nearest multiples of a tick, in seconds."""
    rounded: Floats = np.round(time_s * TICKS_PER_S) / TICKS_PER_S
    return rounded


@dataclass(frozen=True, slots=True)
class Intervals:
    """Half-open intervals, sorted by phone and start, of positive length, disjoint within a phone.

    Attributes:
        phone: Owner of each. Shape [n].
        start_s: First instant. Shape [n].
        end_s: First instant after it. Shape [n].
    """

    phone: Ints
    start_s: Floats
    end_s: Floats

    def __len__(self) -> int:
        return len(self.phone)


def _span(*ends_s: Floats) -> float:
    """A power of two beyond every time."""
    latest = max((float(end.max(initial=0.0)) for end in ends_s), default=0.0)
    return float(2.0 ** np.ceil(np.log2(latest + 2.0)))


def union(phone: Ints, start_s: Floats, end_s: Floats) -> Intervals:
    """The union of intervals in any order; those that overlap or touch become one.

    Args:
        phone: Owners. Shape [n].
        start_s: Starts, not negative. Shape [n].
        end_s: Ends; an interval that ends at or before its start is empty. Shape [n].
    """
    full = end_s > start_s
    phone, start_s, end_s = phone[full], start_s[full], end_s[full]
    span = _span(end_s)
    order = np.argsort(phone * span + start_s, kind="stable")
    phone, start_s, end_s = phone[order], start_s[order], end_s[order]
    reach = np.maximum.accumulate(phone * span + end_s)
    first = np.ones(len(phone), dtype=bool)
    first[1:] = (phone * span + start_s)[1:] > reach[:-1]
    last = np.append(first[1:], True) if len(first) else first
    return Intervals(phone[first], start_s[first], reach[last] - phone[first] * span)


def intersect(one: Intervals, other: Intervals) -> Intervals:
    """The instants that lie in both sets."""
    span = _span(one.end_s, other.end_s)
    starts, ends = other.phone * span + other.start_s, other.phone * span + other.end_s
    lowest = np.searchsorted(ends, one.phone * span + one.start_s, side="right")
    beyond = np.searchsorted(starts, one.phone * span + one.end_s, side="left")
    count = np.maximum(beyond - lowest, 0)
    left = np.repeat(np.arange(len(one)), count)
    nth = np.arange(len(left)) - np.repeat(np.cumsum(count) - count, count)
    right = np.repeat(lowest, count) + nth
    return Intervals(
        one.phone[left],
        np.maximum(one.start_s[left], other.start_s[right]),
        np.minimum(one.end_s[left], other.end_s[right]),
    )


def complement(intervals: Intervals, phones: int, end_s: float) -> Intervals:
    """The instants of `[0, end_s)` of phones `0:phones` that lie in none of the intervals."""
    every, n = np.arange(phones), len(intervals)
    rows = np.arange(n) + intervals.phone
    first = np.searchsorted(intervals.phone, np.arange(phones + 1)) + np.arange(phones + 1)
    owner = np.zeros(n + phones, dtype=np.int64)
    start_s, until_s = np.zeros(n + phones), np.full(n + phones, end_s)
    owner[first[:-1]], owner[rows + 1] = every, intervals.phone
    start_s[rows + 1] = intervals.end_s
    until_s[rows] = intervals.start_s
    kept = until_s > start_s
    return Intervals(owner[kept], start_s[kept], until_s[kept])


def shorten(intervals: Intervals, by_s: Floats) -> Intervals:
    """The intervals with `by_s` cut off their beginnings; what is left empty is dropped."""
    start_s = intervals.start_s + by_s
    kept = intervals.end_s > start_s
    return Intervals(intervals.phone[kept], start_s[kept], intervals.end_s[kept])
