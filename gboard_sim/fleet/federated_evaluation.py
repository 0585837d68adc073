"""Rounds that judge a version on the phones: no weights are uploaded, and training goes on.

A phone downloads the version, scores its held-out text, and reports sums.
"""

from collections.abc import Generator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import simpy

from gboard_sim.fleet.flight import Flight, FlightDesk
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.server import Server
from gboard_sim.records import Ints

Steps = Generator[simpy.Event, Any, None]


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
    """Judges every so many versions.

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

    def run_due(self) -> Steps:
        """Selects and configures phones where a version is due; otherwise nothing."""
        server, rules = self._server, self._rules
        if server.version < self._next or server.held.held:
            return
        self._next = (server.version // rules.every + 1) * rules.every
        held = server.hold(Selection("evaluate"), rules.selected)
        timeout_s = server.clock_s + rules.selection_timeout_s
        while server.runs and held.held < rules.selected and server.clock_s < timeout_s:
            yield from server.accept(timeout_s)
        if server.runs and held.held:
            chosen = server.take(np.ones(held.held, dtype=bool))
            at_s = np.full(chosen.held, server.clock_s)
            flight = self._desk.configure(chosen, at_s, server.version)
            self._await(flight, server.clock_s + rules.deadline_s)

    def _await(self, flight: Flight, deadline_s: float) -> None:
        """Finds out when the last report that counts comes in."""
        server = self._server
        arrived_s = np.where(flight.arrived_s <= deadline_s, flight.arrived_s, np.inf)
        rows = np.flatnonzero(np.isfinite(arrived_s))
        rows = np.sort(rows[np.lexsort((rows, arrived_s[rows]))][: self._rules.goal])
        enough = len(rows) == self._rules.goal
        closes_s = float(arrived_s[rows].max()) if enough else deadline_s
        server.fly(flight.version)
        server.begin(self._report(flight, rows, closes_s, server.alarm(closes_s)))

    def _report(self, flight: Flight, rows: Ints, closes_s: float, closing: simpy.Event) -> Steps:
        """Waits for the reports, and hands them over."""
        server = self._server
        yield closing
        self._desk.use(flight, rows, flight.version)
        self._desk.settle(flight, np.arange(flight.held.held), closes_s)
        server.land(flight.version)
        if len(rows):
            self.reports += len(rows)
            self.rounds += 1
            server.judge(flight.uploads(rows), flight.version, closes_s)
