"""Turns habits into eligible windows: the AND of idle, charging and unmetered, a day at a time.

Everything is drawn from the seed, the phone and the date: any day can be generated alone, in any
order, for any part of the fleet, on any number of threads.

The process is semi-Markov: a phone moves between states (charging or not, in use or not, at home
or not) and stays in each for a time with a distribution of its own, around clock times that are
the user's own: nights are nearly normal, charges by day and spells of use lognormal. A Markov chain
would make every stay exponential, the most likely night one of no length; and where hosts were
measured, times up and down were not exponential either (Long, Muir and Golding, "A longitudinal
survey of Internet host reliability", SRDS 1995).
"""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

from gboard_sim import ranges
from gboard_sim.fleet.intervals import TICKS_PER_S, Intervals
from gboard_sim.fleet.person_day import DAY_TICKS, Signals, live
from gboard_sim.fleet.population import Population
from gboard_sim.fleet.users import DAY_BEGINS_H, Small, Users, draw_users
from gboard_sim.seam.records import Ints
from gboard_sim.units import DAY_S, HOUR_S

_CHUNK = 16_384  # phones generated together: what fits the processor's cache; changes nothing
_ROW_BITS = 27  # a day and a little more in ticks: a row of the flat time axis


class HabitWindows:
    """The eligible windows of a fleet that lives by its availability profiles.

    Args:
        population: The phones.
        seed: Keys the draws.
        first_weekday: Weekday of the local date 0, on which a run begins; Monday is 0.
        threads: Threads that generate; None takes one for each processor. Never changes a bit.
    """

    def __init__(
        self,
        population: Population,
        seed: int,
        *,
        first_weekday: int = 0,
        threads: int | None = None,
    ) -> None:
        self._seed = seed
        self._population = population
        self._first_weekday = first_weekday
        self._threads = threads or os.cpu_count() or 1
        self._earliest_s = DAY_BEGINS_H * HOUR_S - float(population.utc_offset_s.max())
        self.first_day = -int(np.ceil((self._earliest_s + DAY_S) / DAY_S))
        edges = np.append(np.arange(0, population.phones, _CHUNK), population.phones)
        with ThreadPoolExecutor(self._threads) as pool:
            self._chunks = list(pool.map(self._users, pairwise(edges.tolist())))

    def begins_s(self, day: int) -> float:
        """No window of that day or a later one begins before this time."""
        return day * DAY_S + self._earliest_s

    def day(self, day: int) -> Intervals:
        """All windows of one person's day, in seconds since `begins_s(day)`."""
        with ThreadPoolExecutor(self._threads) as pool:
            parts = list(pool.map(lambda users: self._windows(users, day), self._chunks))
        phone, start, end = (np.concatenate(column) for column in zip(*parts, strict=True))
        offset_s = self._population.utc_offset_s
        later_s = (offset_s.max() - offset_s)[phone]
        return Intervals(
            phone.astype(np.int64), start / TICKS_PER_S + later_s, end / TICKS_PER_S + later_s
        )

    def _users(self, edges: tuple[int, int]) -> Users:
        return draw_users(self._population, np.arange(*edges), self._seed)

    def _windows(self, users: Users, day: int) -> tuple[Small, Small, Small]:
        """Phone, start and end of the windows of some users, in ticks since 15:00 local."""
        none = np.zeros(0, dtype=np.int32)
        parts = [(none, none, none)]
        for number in np.unique(users.profile):
            mine = users.part(np.flatnonzero(users.profile == number))
            signals = live(mine, day, seed=self._seed, first_weekday=self._first_weekday)
            settle_s = users.tables[number].profile.settle_s
            row, start, end = eligible(signals, round(settle_s * TICKS_PER_S))
            parts.append((mine.phone[row], start.astype(np.int32), end.astype(np.int32)))
        columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
        if len(parts) > 2:
            order = np.argsort(columns[0], kind="stable")
            columns = [column[order] for column in columns]
        return columns[0], columns[1], columns[2]


def eligible(signals: Signals, settle: int) -> tuple[Ints, Ints, Ints]:
    """When all signals of a day have held for some time.

    Args:
        signals: Of n users.
        settle: Ticks for which all must hold first. A window that was cut at 15:00 has settled
            long before.

    Returns:
        Row of the user, start and end of each window in ticks, sorted by row and start, apart.
    """
    start, end = _connected(*_charged(*signals.charging), signals.unmetered)
    free, busy = _gaps(*signals.use)
    # Spans of charging meet gaps of use; both are sorted and apart on one axis.
    lowest = np.searchsorted(busy, start, side="right")
    count = np.searchsorted(free, end, side="left") - lowest
    which = np.repeat(np.arange(len(start)), count)
    gap = ranges.members(lowest, count)
    start = np.maximum(start[which], free[gap])
    end = np.minimum(end[which], busy[gap])
    row = start >> _ROW_BITS
    start &= (1 << _ROW_BITS) - 1
    end -= row << _ROW_BITS
    start += settle * (start > 0)
    whole = np.flatnonzero(end > start)
    return row[whole], start[whole], end[whole]


def _flat(times: Ints) -> Ints:
    """Times of shape [spells, n] row by row on one axis."""
    flat: Ints = (times + (np.arange(times.shape[1]) << _ROW_BITS)).T.ravel()
    return flat


def _charged(start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Spells of charging on one axis; those that overlap or touch become one."""
    there = np.flatnonzero((end > start).T)
    start, end = _flat(start)[there], np.maximum.accumulate(_flat(end)[there])
    first = np.ones(len(start) + 1, dtype=bool)
    np.greater(start[1:], end[:-1], out=first[1:-1])
    return start[np.flatnonzero(first[:-1])], end[np.flatnonzero(first[1:])]


def _gaps(start: Ints, end: Ints) -> tuple[Ints, Ints]:
    """What spells of use leave free of each day, on one axis."""
    spells, n = start.shape
    # A last spell keeps the days apart; one that is not there goes where it does nothing.
    flat_start = np.full((n, spells + 1), DAY_TICKS)
    flat_end = np.full((n, spells + 1), 1 << _ROW_BITS)
    flat_start[:, :-1] = (start * (end > start)).T
    flat_end[:, :-1] = (end * (end > start)).T
    base = np.arange(n)[:, None] << _ROW_BITS
    flat_start += base
    flat_end += base
    begins = flat_start.ravel()
    reach = np.zeros(len(begins) + 1, dtype=np.int64)
    np.maximum.accumulate(flat_end.ravel(), out=reach[1:])
    reach = reach[:-1]
    gap = np.flatnonzero(begins > reach)
    return reach[gap], begins[gap]


def _connected(start: Ints, end: Ints, unmetered: Ints) -> tuple[Ints, Ints]:
    """What of spans on one axis lies in a time on Wi-Fi, of which a row has one or two."""
    row = start >> _ROW_BITS
    base = row << _ROW_BITS
    twice = unmetered[0, 1] < unmetered[1, 1]
    parts = []
    for nth, rows in ((0, None), (1, np.flatnonzero(twice[row]))):
        where = slice(None) if rows is None else rows
        low, high = (side[nth].take(row[where]) + base[where] for side in unmetered)
        parts.append((np.maximum(start[where], low), np.minimum(end[where], high)))
    start, end = (np.concatenate(column) for column in zip(*parts, strict=True))
    there = np.flatnonzero(end > start)
    start, end = start[there], end[there]
    order = np.argsort(start, kind="stable")
    return start[order], end[order]
