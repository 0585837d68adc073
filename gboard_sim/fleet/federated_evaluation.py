"""Rounds that judge a version on the phones: no weights are uploaded.

A phone downloads the version, scores its held-out text, and reports sums. Training goes on beside:
while a version is due, check-ins of phones that can judge it are held for that until there are
enough, and all others are held for training; nobody is in two sessions.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
import simpy

from gboard_sim.fleet.alarms import Steps
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.server import Server
from gboard_sim.seam.records import Ints


@dataclass(frozen=True, slots=True)
class EvaluationRules:
    """How versions are judged on phones.

    Attributes:
        every: Versions between those that are judged; version 0 is the first.
        goal: Reports wanted; those that arrive before the deadline count, late ones do not.
        over_selection: Phones selected per report wanted.
        deadline_s: Seconds from configuration until the server stops waiting.
        selection_timeout_s: Seconds after which selection makes do with the phones it has.
    """

    every: int
    goal: int
    over_selection: float = 1.3
    deadline_s: float = 600.0
    selection_timeout_s: float = 3600.0

    @property
    def selected(self) -> int:
        """Phones that a full selection holds."""
        return ceil(round(self.goal * self.over_selection, 9))


class FederatedEvaluation:
    """Judges every so many versions, beside whatever protocol trains them.

    Attributes:
        reports: Reports that were used.
        rounds: Versions judged.
    """

    def __init__(self, server: Server, desk: FlightDesk, rules: EvaluationRules) -> None:
        self.reports = 0
        self.rounds = 0
        self._server = server
        self._desk = desk
        self._rules = rules
        self._next = 0
        self._held = Selection("evaluate")
        self._timeout_s = np.inf

    def tend(self) -> None:
        """Opens a selection where a version is due; configures one that is full or timed out."""
        server, held = self._server, self._held
        if not server.runs:
            return
        if not held.target and server.version >= self._next:
            held.target = self._rules.selected
            self._timeout_s = server.clock_s + self._rules.selection_timeout_s
            server.hold_beside(held, self._timeout_s)
        if held.target and (held.held >= held.target or server.clock_s >= self._timeout_s):
            held.target = 0
            server.hold_beside(None)
            self._next = (server.version // self._rules.every + 1) * self._rules.every
            if held.held:
                everyone = np.ones(held.held, dtype=bool)
                self._configure(held.split(everyone).in_phone_order())

    def _configure(self, chosen: Selection) -> None:
        """Sends the version to the phones held."""
        server, rules = self._server, self._rules
        at_s = np.full(chosen.held, server.clock_s)
        flight = self._desk.configure(chosen, at_s, server.version)
        deadline_s = server.clock_s + rules.deadline_s
        closing = server.alarm(self._close(flight, deadline_s)[0])
        if not flight.ended.all():
            closing |= flight.arrivals(rules.goal)
        server.begin(self._report(flight, deadline_s, closing))

    def _close(self, flight: Flight, deadline_s: float) -> tuple[float, Ints]:
        """When the last report that counts comes in, and whose reports count."""
        rows = np.flatnonzero(flight.arrived_s <= deadline_s)
        rows = rows[np.lexsort((rows, flight.arrived_s[rows]))][: self._rules.goal]
        enough = len(rows) == self._rules.goal
        return float(flight.arrived_s[rows[-1]]) if enough else deadline_s, np.sort(rows)

    def _report(self, flight: Flight, deadline_s: float, closing: simpy.Event) -> Steps:
        """Waits for the reports, hands them over, and waits for those that come late."""
        server, desk = self._server, self._desk
        yield closing
        closes_s, rows = self._close(flight, deadline_s)
        desk.use(flight, rows, flight.version)
        if len(rows):
            self.reports += len(rows)
            self.rounds += 1
            server.judge(desk.uploads(flight, rows), flight.version, closes_s)
        while True:
            over = np.flatnonzero(flight.open & flight.ended)
            if len(over):
                desk.settle(flight, over, closes_s)
            if not flight.open.any():
                return
            yield flight.next_end()
