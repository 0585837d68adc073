"""Synchronous rounds: selection, configuration, reporting (Bonawitz et al., MLSys 2019).

Selection of the next round runs beside the reporting of the current one. The phones of a round are
free again when it closes, or when their own session ends where that is later.
"""

from collections.abc import Callable

import numpy as np
import simpy

from gboard_sim import seeds
from gboard_sim.fleet.alarms import Steps
from gboard_sim.fleet.choice import Chooser
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.server import Server
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.seam.uploads import Dropouts

EVERYBODY = 2**31 - 1
"""More phones than any fleet has: a selection that is never full."""


def close(
    arrived_s: Floats, phone: Ints, configured_s: float, rules: RoundRules
) -> tuple[float, Flags]:
    """When a round closes, and whose uploads it uses.

    Args:
        arrived_s: When each upload arrives, infinite where none does. Shape [n].
        phone: The phones: uploads of one instant are taken in this order. Shape [n].
        configured_s: When the round was configured.
        rules: Goal, minimum and deadline.
    """
    deadline_s = configured_s + rules.deadline_s
    order = np.lexsort((phone, arrived_s))
    in_time = order[arrived_s[order] <= deadline_s]
    used = np.zeros(len(phone), dtype=bool)
    if rules.sampled is not None:
        used[in_time] = True
        return deadline_s, used
    if len(in_time) >= rules.goal:
        used[in_time[: rules.goal]] = True
        return float(arrived_s[in_time[rules.goal - 1]]), used
    if len(in_time) >= rules.minimum:
        used[in_time] = True
    return deadline_s, used


class Rounds:
    """Runs rounds until something stops the server."""

    def __init__(
        self,
        *,
        server: Server,
        desk: FlightDesk,
        rules: RoundRules,
        chooser: Chooser,
        seed: int = 0,
    ) -> None:
        self._seed = seed
        self._selections = 0
        self._server = server
        self._desk = desk
        self._rules = rules
        self._chooser = chooser
        self._reporting = False
        self._dropouts: list[Dropouts] = []

    def run(self) -> Steps:
        """Selection and configuration, round after round."""
        server, rules = self._server, self._rules
        opens_s = 0.0
        while server.runs:
            while server.runs and server.clock_s < opens_s:
                yield from server.wait(opens_s)
            if server.runs:
                yield from self._select(opens_s)
            while self._reporting:
                yield from server.wait(np.inf)
            if server.runs and (rules.sampled is not None or server.held.held >= rules.minimum):
                self._configure()
                opens_s = server.clock_s + rules.interval_s

    def _select(self, opened_s: float) -> Steps:
        """Accepts check-ins until enough phones are held at once, or `minimum` at the time-out."""
        server, rules = self._server, self._rules
        if rules.sampled is not None:
            server.hold(Selection(), 0)
        held = server.held
        held.target = self._chooser.pool(rules.selected)
        if rules.sampled is not None:
            held.target, held.drawn = EVERYBODY, self._coin(rules.sampled)
        timeout_s = opened_s + rules.selection_timeout_s
        while server.runs:
            if server.clock_s >= timeout_s:
                if rules.sampled is not None:
                    return
                held.target, timeout_s = rules.minimum, np.inf
            if held.held >= held.target:
                return
            yield from server.accept(timeout_s)

    def _coin(self, probability: float) -> Callable[[Ints], Flags]:
        """A coin for every phone, thrown anew for every selection."""
        self._selections += 1
        number = self._selections

        def drawn(phone: Ints) -> Flags:
            found: Flags = seeds.uniforms(self._seed, "coin", phone, number) < probability
            return found

        return drawn

    def _configure(self) -> None:
        """Sends the plan to the phones held and starts the reporting of their round."""
        server = self._server
        at_s = server.clock_s
        if self._rules.sampled is None:
            choice = self._chooser.choose(server.held, self._rules.selected, server.version)
        else:
            choice = np.ones(server.held.held, dtype=bool)
        chosen = server.take(choice)
        flight = self._desk.configure(chosen, np.full(chosen.held, at_s), server.version)
        self._reporting = True
        closes_s, _ = close(flight.arrived_s, chosen.phone, at_s, self._rules)
        closing = server.alarm(closes_s)
        if not flight.ended.all() and self._rules.sampled is None:
            closing |= flight.arrivals(self._rules.goal)
        server.begin(self._report(flight, at_s, closing))

    def _report(self, flight: Flight, configured_s: float, closing: simpy.Event) -> Steps:
        """Waits for the round to close, makes its version, and waits for those that come late."""
        server, desk = self._server, self._desk
        yield closing
        phone = flight.held.phone
        closes_s, used = close(flight.arrived_s, phone, configured_s, self._rules)
        rows = np.flatnonzero(used)
        desk.use(flight, rows, server.version + 1)
        may_be_empty = self._rules.sampled is not None
        uploads = desk.uploads(flight, rows) if len(rows) or may_be_empty else None
        self._settle(flight, closes_s)
        if uploads is not None:
            weights = tuple(desk.weights(uploads).tolist())
            server.step(uploads, weights, closes_s, self._told(closes_s), len(phone))
        else:
            server.abandon(closes_s)
        self._reporting = False
        while flight.open.any():
            yield flight.next_end()
            self._settle(flight, closes_s)

    def _settle(self, flight: Flight, closes_s: float) -> None:
        """Settles the sessions that have ended."""
        rows = np.flatnonzero(flight.open & flight.ended)
        if not len(rows):
            return
        self._dropouts.append(self._desk.dropouts(flight, rows))
        phone, began_s = flight.held.phone[rows], flight.opened.asked.start_s[rows]
        self._chooser.participated(phone, flight.version + 1, began_s, flight.ended_s[rows])
        self._desk.settle(flight, rows, closes_s)

    def _told(self, until_s: float) -> Dropouts:
        """Takes the dropouts that have ended by a time."""
        known = Dropouts.joined([Dropouts.none(), *self._dropouts])
        over = known.at_s <= until_s
        self._dropouts = [known.take(np.flatnonzero(~over))]
        return known.take(np.flatnonzero(over))
