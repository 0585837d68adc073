"""Sets of intervals of many phones at once: union, intersection and look-up as array operations.

Times are multiples of a tick of 1/1024 s, so that a phone and a time make one whole number of 64
bits, and one sorted axis serves all phones: sixteen million of them over ten years.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim import ranges
from gboard_sim.seam.records import Floats, Ints

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
        start_s: First instant, a multiple of a tick and not negative. Shape [n].
        end_s: First instant after it. Shape [n].
    """

    phone: Ints
    start_s: Floats
    end_s: Floats

    def __len__(self) -> int:
        return len(self.phone)


def _shift(*ends_s: Floats) -> int:
    """Bits that hold every time, and one more tick."""
    latest = max((float(end.max(initial=0.0)) for end in ends_s), default=0.0)
    return int(latest * TICKS_PER_S + 1.0).bit_length()


def _keys(phone: Ints, time_s: Floats, shift: int) -> Ints:
    """Places on the axis that serves all phones."""
    return (phone << shift) + (time_s * TICKS_PER_S).astype(np.int64)


def _times(keys: Ints, shift: int) -> Floats:
    """The times of places on the axis."""
    return (keys & ((1 << shift) - 1)) / TICKS_PER_S


def union(phone: Ints, start_s: Floats, end_s: Floats) -> Intervals:
    """The union of intervals in any order; those that overlap or touch become one.

    Args:
        phone: Owners. Shape [n].
        start_s: Starts, not negative. Shape [n].
        end_s: Ends; an interval that ends at or before its start is empty. Shape [n].
    """
    full = end_s > start_s
    phone, start_s, end_s = phone[full].astype(np.int64), start_s[full], end_s[full]
    shift = _shift(end_s)
    start = _keys(phone, start_s, shift)
    order = np.argsort(start, kind="stable")
    phone, start = phone[order], start[order]
    reach = np.maximum.accumulate(_keys(phone, end_s[order], shift))
    first = np.ones(len(phone) + 1, dtype=bool)
    first[1:-1] = start[1:] > reach[:-1]
    begins = first[:-1]
    return Intervals(phone[begins], _times(start[begins], shift), _times(reach[first[1:]], shift))


def intersect(one: Intervals, other: Intervals) -> Intervals:
    """The instants that lie in both sets."""
    shift = _shift(one.end_s, other.end_s)
    starts, ends = (_keys(other.phone, side, shift) for side in (other.start_s, other.end_s))
    lowest = np.searchsorted(ends, _keys(one.phone, one.start_s, shift), side="right")
    beyond = np.searchsorted(starts, _keys(one.phone, one.end_s, shift), side="left")
    count = np.maximum(beyond - lowest, 0)
    left = np.repeat(np.arange(len(one)), count)
    right = ranges.members(lowest, count)
    return Intervals(
        one.phone[left],
        np.maximum(one.start_s[left], other.start_s[right]),
        np.minimum(one.end_s[left], other.end_s[right]),
    )
