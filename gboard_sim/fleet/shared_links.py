"""Links that flows share, max-min fairly at every moment, event by event in simulated time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import simpy

from gboard_sim.fleet.max_min import max_min

_LAST = simpy.events.EventPriority(2)
"""After everything else of the same instant: simpy's own priorities are 0 and 1."""


class Flow:
    """Bytes on their way.

    Attributes:
        done: Succeeds, with the exact time, when the last byte has moved.
        size: Bytes of the whole.
    """

    __slots__ = ("done", "place", "size")

    def __init__(self, done: simpy.Event, size: float, place: int) -> None:
        self.done = done
        self.size = size
        self.place = place


class SharedLinks:
    """Shares links among flows.

    Every time is the caller's own: simpy's clock adds up delays and may be off in the last bit. The
    bytes that a flow moved are carried along when its rate changes, and only then, so a flow that
    nobody slows down moves as exactly as one that is alone. Changes of one instant are worked out
    together, once.
    """

    def __init__(
        self, env: simpy.Environment, capacity: Callable[[int], float], hops: int = 2
    ) -> None:
        """Links that are idle.

        Args:
            env: The simulated time.
            capacity: What a link carries, in bytes per second.
            hops: Most links that one flow passes.
        """
        self._env = env
        self._capacity_of = capacity
        self._place_of: dict[int, int] = {}
        self._link_at: dict[int, int] = {}
        self._idle: list[int] = []
        self._capacity = np.zeros(0)
        self._flows = np.zeros(0, dtype=np.int64)
        self._wanted = np.zeros(0)
        self._flow: dict[int, Flow] = {}
        self._left = np.zeros(0)
        self._since_s = np.zeros(0)
        self._rate = np.zeros(0)
        self._cap = np.zeros(0)
        self._ends_s = np.zeros(0)
        self._route = np.full((0, hops), -1, dtype=np.int64)
        self._free: list[int] = []
        self._wake_s = np.inf
        self._changed_s: float | None = None

    @property
    def flows(self) -> int:
        """Flows under way."""
        return len(self._flow)

    def start(self, size: float, cap: float, route: tuple[int, ...], at_s: float) -> Flow:
        """Starts a flow.

        Args:
            size: Its bytes.
            cap: The fastest that it could go, in bytes per second.
            route: The links that it passes, each once.
            at_s: Now.
        """
        if not self._free:
            self._grow()
        place = self._free.pop()
        flow = self._flow[place] = Flow(self._env.event(), size, place)
        self._left[place], self._since_s[place] = size, at_s
        self._cap[place], self._rate[place], self._ends_s[place] = cap, 0.0, np.inf
        self._route[place] = -1
        for hop, link in enumerate(route):
            self._route[place, hop] = self._join(link)
        links = self._links_of(place)
        self._wanted[links] += cap
        self._settle_or_wait(place, bool(self._tight(links)), at_s)
        return flow

    def recap(self, flow: Flow, cap: float, at_s: float) -> None:
        """Changes the fastest that a flow could go."""
        place = flow.place
        links = self._links_of(place)
        tight = self._tight(links)
        self._wanted[links] += cap - self._cap[place]
        self._cap[place] = cap
        self._settle_or_wait(place, bool(tight or self._tight(links)), at_s)

    def stop(self, flow: Flow, at_s: float) -> float:
        """Ends a flow before its last byte; gives back the bytes left."""
        left = self._left_at(flow.place, at_s)
        self._remove(flow.place, at_s)
        self._schedule()
        return left

    def ends_s(self, flow: Flow) -> float:
        """When a flow ends if nothing changes; infinite while its rate is not worked out."""
        return float(self._ends_s[flow.place])

    def rate(self, flow: Flow) -> float:
        """Bytes per second, once the changes of this instant are worked out."""
        return float(self._rate[flow.place])

    def _left_at(self, place: int, at_s: float) -> float:
        moved = float(self._rate[place]) * max(at_s - float(self._since_s[place]), 0.0)
        return max(float(self._left[place]) - moved, 0.0)

    def _settle_or_wait(self, place: int, tight: bool, at_s: float) -> None:
        """Gives a flow that shares nothing scarce its cap; else leaves it to the instant's end."""
        if tight:
            self._change(at_s)
            return
        self._turn(np.array([place]), self._cap[[place]], at_s)
        self._schedule()

    def _turn(self, places: Any, rate: Any, at_s: float) -> None:
        """Gives flows a new rate from now on."""
        dt_s = np.maximum(at_s - self._since_s[places], 0.0)
        left = np.maximum(self._left[places] - self._rate[places] * dt_s, 0.0)
        self._left[places], self._rate[places] = left, rate
        self._since_s[places] = at_s
        self._ends_s[places] = at_s + left / rate

    def _change(self, at_s: float) -> None:
        """Has the rates worked out after everything else of this instant."""
        if self._changed_s is None:
            event = self._env.event()
            event._ok, event._value = True, None
            event.callbacks.append(self._share)
            self._env.schedule(event, priority=_LAST)
            self._changed_s = at_s
        self._changed_s = max(self._changed_s, at_s)

    def _share(self, _: simpy.Event) -> None:
        """Works out the rates of all flows."""
        at_s, self._changed_s = self._changed_s, None
        assert at_s is not None
        places = np.fromiter(self._flow, dtype=np.int64, count=len(self._flow))
        cap, route = self._cap[places], self._route[places]
        # Adding and taking away leaves rounding; this is the moment to be rid of it.
        used = route >= 0
        wanted = np.repeat(cap, route.shape[1])[used.ravel()]
        self._wanted[:] = np.bincount(route[used], wanted, len(self._wanted))
        rate = max_min(cap, route, self._capacity)
        turned = rate != self._rate[places]
        self._turn(places[turned], rate[turned], at_s)
        self._schedule()

    def _schedule(self) -> None:
        """Wakes up for the next flow that ends."""
        next_s = float(self._ends_s.min(initial=np.inf))
        if next_s < self._wake_s:
            self._wake_s = next_s
            wake = self._env.timeout(max(next_s - self._env.now, 0.0), next_s)
            wake.callbacks.append(self._wake)

    def _wake(self, event: simpy.Event) -> None:
        """Ends the flows whose time has come."""
        if event.value != self._wake_s:
            return  # an earlier end was found since
        now_s, self._wake_s = self._wake_s, np.inf
        due = np.flatnonzero(self._ends_s <= now_s)
        for place in due[np.argsort(self._ends_s[due], kind="stable")].tolist():
            flow, ended_s = self._flow[place], float(self._ends_s[place])
            self._remove(place, ended_s)
            flow.done.succeed(ended_s)
        self._schedule()

    def _remove(self, place: int, at_s: float) -> None:
        """Takes a flow off its links."""
        links = self._links_of(place)
        if self._tight(links):
            self._change(at_s)
        self._wanted[links] -= self._cap[place]
        self._flows[links] -= 1
        for link in links[self._flows[links] == 0].tolist():
            del self._place_of[self._link_at.pop(link)]
            self._idle.append(link)
            self._wanted[link] = 0.0
        self._ends_s[place] = np.inf
        del self._flow[place]
        self._free.append(place)

    def _links_of(self, place: int) -> Any:
        route = self._route[place]
        return route[route >= 0]

    def _tight(self, links: Any) -> Any:
        """Whether the flows of any of these links want more than it carries."""
        return (self._wanted[links] > self._capacity[links]).any()

    def _join(self, link: int) -> int:
        """One more flow on a link."""
        place = self._place_of.get(link)
        if place is None:
            if not self._idle:
                self._idle.append(len(self._flows))
                self._flows = np.append(self._flows, 0)
                self._wanted = np.append(self._wanted, 0.0)
                self._capacity = np.append(self._capacity, 0.0)
            place = self._idle.pop()
            self._place_of[link], self._link_at[place] = place, link
            self._capacity[place] = self._capacity_of(link)
        self._flows[place] += 1
        return place

    def _grow(self) -> None:
        """Twice as many places for flows."""
        old = len(self._left)
        more = max(old, 64)
        self._left = np.append(self._left, np.zeros(more))
        self._since_s = np.append(self._since_s, np.zeros(more))
        self._rate = np.append(self._rate, np.zeros(more))
        self._cap = np.append(self._cap, np.zeros(more))
        self._ends_s = np.append(self._ends_s, np.full(more, np.inf))
        nowhere = np.full((more, self._route.shape[1]), -1, dtype=np.int64)
        self._route = np.concatenate([self._route, nowhere])
        self._free += range(old + more - 1, old - 1, -1)
