"""Sessions that share links: one simpy process each, from the first byte to the last."""

from collections.abc import Callable, Generator, Mapping, Sequence
from math import inf
from typing import Any

import numpy as np
import simpy

from gboard_sim.fleet.asked import Asked
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.conditions import DOWNLOAD, TRAIN, UPLOAD, Conditions
from gboard_sim.fleet.course import Course
from gboard_sim.fleet.pricing import Priced, price_of
from gboard_sim.fleet.shared_links import SharedLinks

OnEnd = Callable[[int, Priced], None]
"""Told which of the sessions has ended, and what that one came to, at the moment of its end."""

_Steps = Generator[simpy.Event, Any, Any]


class LiveSessions:
    """Starts sessions by the rules of `pricing.price`, on links that have a limit.

    Nothing cancels a session: an upload that comes too late arrives and is paid for all the same.
    Its window or the server's patience (`Asked.gives_up_s`) end it; it is never paused.
    """

    def __init__(self, env: simpy.Environment, conditions: Conditions, capacity: Capacity) -> None:
        self._env = env
        self._conditions = conditions
        self._capacity = capacity
        self._links = SharedLinks(env, capacity.bytes_per_s)

    def launch(self, asked: Asked, on_end: OnEnd) -> None:
        """Starts sessions whose first phase begins now or later.

        Args:
            asked: The sessions.
            on_end: Called once for each.
        """
        # Most sessions need the first draws of every phase and the rates of one hour: all at once.
        breaks = [
            self._conditions.breaks(phase, asked.phone, asked.count, 0)
            for phase in (DOWNLOAD, TRAIN, UPLOAD)
        ]
        rates = {
            phase: self._conditions.rate(phase, asked.phone, asked.start_s)
            for phase in (DOWNLOAD, UPLOAD)
        }
        for row in range(len(asked.phone)):
            session = _Session(
                self._env,
                self._links,
                self._conditions,
                self._capacity,
                asked.row(row),
                breaks=[(bool(flags[row]), float(part[row])) for flags, part in breaks],
                rates={
                    phase: (float(rate[row]), float(until_s[row]))
                    for phase, (rate, until_s) in rates.items()
                },
            )
            self._env.process(session.run(row, on_end))


class _Session:
    """One session. Its own clock is exact; simpy's may be off in the last bit."""

    def __init__(
        self,
        env: simpy.Environment,
        links: SharedLinks,
        conditions: Conditions,
        capacity: Capacity,
        asked: Asked,
        *,
        breaks: Sequence[tuple[bool, float]],
        rates: Mapping[int, tuple[float, float]],
    ) -> None:
        population = conditions.population
        self._env = env
        self._links = links
        self._conditions = conditions
        self._capacity = capacity
        self._asked = asked
        self._first_breaks = breaks
        self._first_rates = rates
        self._course = Course(asked)
        self._phone = int(asked.phone[0])
        self._now_s = float(asked.start_s[0])
        cut_s = min(float(asked.window_end_s[0]), float(asked.gives_up_s[0]))
        self._cut_s = max(cut_s, self._now_s)
        self._round_trip_s = float(population.round_trip_s[self._phone])
        self._resumes = bool(population.resumes[self._phone])
        self._retries = int(population.retries[self._phone])
        self._retry_wait_s = float(population.retry_wait_s[self._phone])

    def run(self, row: int, on_end: OnEnd) -> _Steps:
        """The phases in their order."""
        course = self._course
        yield self._env.timeout(max(self._now_s - self._env.now, 0.0))
        for phase in (DOWNLOAD, TRAIN, UPLOAD):
            course.began_s[phase] = self._now_s
            if self._asked.phases[phase, 0] and not course.failed[0] and not course.cut[0]:
                course.reached[phase] = True
                steps = self._train() if phase == TRAIN else self._transfer(phase)
                course.complete[phase] = yield from steps
        course.now_s[:] = self._now_s
        on_end(row, price_of(course, self._asked, self._conditions))

    def _train(self) -> _Steps:
        """One stint of training; whether it was completed."""
        course, asked = self._course, self._asked
        tokens = int(asked.stint(np.zeros(1, dtype=np.int64), np.array([self._now_s]))[0])
        speed = float(self._conditions.population.flop_per_s[self._phone])
        train_s = tokens * asked.flop_per_token / speed
        course.tokens[:], course.train_s[:] = tokens, train_s
        broken, part = self._breaks(TRAIN, 0)
        broken = broken or tokens == 0
        through = yield from self._spend(TRAIN, part * train_s if broken else train_s)
        if through and broken:
            course.failed[:] = True
        return through and not broken

    def _transfer(self, phase: int) -> _Steps:
        """Moves the bytes of a phase in one or more attempts; whether all of them moved."""
        asked, course = self._asked, self._course
        whole = asked.download_bytes if phase == DOWNLOAD else asked.upload_bytes
        size = float(whole[0]) / (1.0 - float(self._conditions.population.loss_share[self._phone]))
        left = size
        for attempt in range(self._retries + 1):
            broken, part = self._breaks(phase, attempt)
            target = part * left if broken else left
            through = yield from self._move(phase, target)
            if not through or not broken:
                return through
            left = left - target if self._resumes else size
            if attempt < self._retries:
                waited = yield from self._spend(phase, self._retry_wait_s, waits=True)
                if not waited:
                    return False
        course.failed[:] = True
        return False

    def _breaks(self, phase: int, attempt: int) -> tuple[bool, float]:
        if attempt == 0:
            return self._first_breaks[phase]
        broken, part = self._conditions.breaks(phase, self._asked.phone, self._asked.count, attempt)
        return bool(broken[0]), float(part[0])

    def _spend(self, phase: int, length_s: float, *, waits: bool = False) -> _Steps:
        """Lets time go by; whether the session got through it."""
        end_s = self._now_s + length_s
        through = end_s <= self._cut_s
        spent_s = length_s if through else self._cut_s - self._now_s
        self._course.spent_s[phase] += spent_s
        if waits:
            self._course.waited_s[phase] += spent_s
        yield from self._until(end_s if through else self._cut_s)
        if not through:
            self._course.cut[:] = True
        return through

    def _move(self, phase: int, target: float) -> _Steps:
        """One attempt at moving bytes; whether they moved before the session was cut."""
        asked = yield from self._spend(phase, self._round_trip_s)
        if not asked:
            return False
        began_s = at_s = self._now_s
        route = self._capacity.route(phase, self._phone)
        rate, until_s = self._rate(phase, at_s)
        flow = self._links.start(target, rate, route, at_s)
        left = target
        while True:
            at_s = min(until_s, self._cut_s)
            if at_s < inf:
                yield flow.done | self._env.timeout(max(at_s - self._env.now, 0.0))
            else:
                yield flow.done
            ended = flow.done.triggered
            end_s = float(flow.done.value or 0.0) if ended else self._links.ends_s(flow)
            if ended or end_s <= at_s:
                if not ended:
                    self._links.stop(flow, end_s)
                self._now_s, left = end_s, 0.0
                break
            if at_s >= self._cut_s:
                left = self._links.stop(flow, at_s)
                self._now_s = at_s
                self._course.cut[:] = True
                break
            rate, until_s = self._rate(phase, at_s)
            self._links.recap(flow, rate, at_s)
        self._course.spent_s[phase] += self._now_s - began_s
        self._course.moved[phase] += target - left
        return not self._course.cut[0]

    def _rate(self, phase: int, at_s: float) -> tuple[float, float]:
        if at_s < self._first_rates[phase][1]:
            return self._first_rates[phase]
        rate, until_s = self._conditions.rate(phase, self._asked.phone, np.array([at_s]))
        return float(rate[0]), float(until_s[0])

    def _until(self, at_s: float) -> _Steps:
        yield self._env.timeout(max(at_s - self._env.now, 0.0))
        self._now_s = at_s
