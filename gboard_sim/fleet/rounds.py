"""Synchronous rounds: selection, configuration, reporting (Bonawitz et al., MLSys 2019).

Selection of the next round runs beside the reporting of the current one. The phones of a round are
free again when it closes, or when their own session ends where that is later.
"""

from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from gboard_sim.fleet.choice import Chooser
from gboard_sim.fleet.federated_evaluation import FederatedEvaluation
from gboard_sim.fleet.flight import Flight, FlightDesk
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.server import Server
from gboard_sim.records import Flags, Floats, Ints
from gboard_sim.uploads import Dropouts

Steps = Generator[simpy.Event, Any, None]


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
        evaluation: FederatedEvaluation | None,
    ) -> None:
        self._server = server
        self._desk = desk
        self._rules = rules
        self._chooser = chooser
        self._evaluation = evaluation
        self._reporting = False
        self._dropouts: list[Dropouts] = []

    def run(self) -> Steps:
        """Selection and configuration, round after round."""
        server, rules = self._server, self._rules
        opens_s = 0.0
        while server.runs:
            while server.runs and server.clock_s < opens_s:
                yield from server.wait(opens_s)
            if self._evaluation is not None:
                yield from self._evaluation.run_due()
                opens_s = max(opens_s, server.clock_s)
            yield from self._select(opens_s)
            while self._reporting:
                yield from server.wait(np.inf)
            if server.runs and server.held.held >= rules.minimum:
                self._configure()
                opens_s = server.clock_s + rules.interval_s

    def _select(self, opened_s: float) -> Steps:
        """Accepts check-ins until enough phones are held at once, or `minimum` at the time-out."""
        server, rules = self._server, self._rules
        if server.held.task != "train":
            server.hold(Selection("train"), 0)
        held = server.held
        held.target = self._chooser.pool(rules.selected)
        timeout_s = opened_s + rules.selection_timeout_s
        while server.runs:
            if server.clock_s >= timeout_s:
                held.target, timeout_s = rules.minimum, np.inf
            if held.held >= held.target:
                return
            yield from server.accept(timeout_s)

    def _configure(self) -> None:
        """Sends the plan to the phones held and starts the reporting of their round."""
        server = self._server
        at_s = server.clock_s
        choice = self._chooser.choose(server.held, self._rules.selected, server.version)
        chosen = server.take(choice)
        flight = self._desk.configure(chosen, np.full(chosen.held, at_s), server.version)
        self._reporting = True
        closes_s, used = close(flight.arrived_s, flight.batch.phone, at_s, self._rules)
        server.begin(self._report(flight, np.flatnonzero(used), closes_s, server.alarm(closes_s)))

    def _report(self, flight: Flight, rows: Ints, closes_s: float, closing: simpy.Event) -> Steps:
        """Waits for the round to close, and makes its version."""
        server = self._server
        yield closing
        self._desk.use(flight, rows, server.version + 1)
        dropouts = flight.dropouts()
        phone, ended_s = flight.batch.phone, flight.batch.priced.ended_s
        self._chooser.participated(phone, server.version + 1, flight.held.checked_in_s, ended_s)
        self._desk.settle(flight, np.arange(flight.held.held), closes_s)
        self._dropouts.append(dropouts)
        if len(rows):
            uploads = flight.uploads(rows)
            weights = tuple(self._desk.weights(uploads).tolist())
            server.step(uploads, weights, closes_s, self._told(closes_s))
        else:
            server.abandon(closes_s)
        self._reporting = False

    def _told(self, until_s: float) -> Dropouts:
        """Takes the dropouts that have ended by a time."""
        known = Dropouts.joined(self._dropouts)
        over = known.at_s <= until_s
        self._dropouts = [known.take(np.flatnonzero(~over))]
        return known.take(np.flatnonzero(over))
