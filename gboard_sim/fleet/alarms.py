"""Alarms at exact times, on a simpy clock that adds up delays and may be off in the last bit."""

import heapq
from collections.abc import Generator
from itertools import count
from math import inf, nextafter
from typing import Any

import simpy

_AFTER_ALL = simpy.events.EventPriority(3)
"""simpy's own priorities are 0 and 1; shared links work out their rates at 2."""

Steps = Generator[simpy.Event, Any, None]


class Alarms:
    """Events that ring one after another, in order of their times and of being set."""

    def __init__(self, env: simpy.Environment) -> None:
        self._env = env
        self._set: list[tuple[float, int, simpy.Event]] = []
        self._number = count()

    @property
    def next_s(self) -> float:
        """When the next one rings; infinity where none is set."""
        return self._set[0][0] if self._set else inf

    def at(self, at_s: float) -> simpy.Event:
        """An event that comes at exactly this time, before anything that phones do then."""
        event = self._env.event()
        heapq.heappush(self._set, (at_s, next(self._number), event))
        return event

    def ring(self, clock_s: float) -> Steps:
        """Lets simpy come to a time, and rings what is set up to it, one after another."""
        delay_s = max(clock_s - self._env.now, 0.0)
        while self._env.now + delay_s < clock_s:  # rounded down, simpy would stand still
            delay_s = nextafter(delay_s, inf)
        yield self._after_all(delay_s)
        while self.next_s <= clock_s:
            event = heapq.heappop(self._set)[2]
            event.succeed()
            yield self._after_all(0.0)

    def _after_all(self, delay_s: float) -> simpy.Event:
        """An event after everything else of its instant, what follows from that included."""
        event = self._env.event()
        event._ok, event._value = True, None
        self._env.schedule(event, priority=_AFTER_ALL, delay=delay_s)
        return event
