"""Asynchronous aggregation with a buffer: FedBuff (Nguyen et al., AISTATS 2022).

A fixed number of phones train at any time: as soon as one session is over, the next phone that
checks in is configured with the newest version. Uploads gather in a buffer, each weighted by
`(1 + staleness)^-a`; the K-th makes the next version. The staleness of an upload is the number of
versions made since the one that it started from.
"""

from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.server import Server
from gboard_sim.uploads import Dropouts, Uploads

Steps = Generator[simpy.Event, Any, None]


class Buffer:
    """Runs an asynchronous server until something stops it."""

    def __init__(
        self,
        *,
        server: Server,
        desk: FlightDesk,
        rules: BufferRules,
    ) -> None:
        self._server = server
        self._desk = desk
        self._rules = rules
        self._at_work = 0
        self._held: list[Uploads] = []
        self._dropouts: list[Dropouts] = []

    def run(self) -> Steps:
        """Accepts a check-in whenever a phone less than wanted is at work."""
        server, rules = self._server, self._rules
        while server.runs:
            # One at a time: the session of a phone may be over before the next phone checks in.
            server.held.target = 1
            if self._at_work < rules.concurrency:
                yield from server.accept(np.inf)
            else:
                yield from server.wait(np.inf)
            if server.held.held:
                self._configure()

    def _configure(self) -> None:
        """Sends the newest version to the phone that has just checked in."""
        server = self._server
        taken = server.take(np.ones(server.held.held, dtype=bool))
        flight = self._desk.configure(taken, taken.checked_in_s, server.version)
        self._at_work += taken.held
        ended = flight.ended.all()
        ending = server.alarm(float(flight.ended_s[0])) if ended else flight.next_end()
        server.begin(self._land(flight, ending))

    def _land(self, flight: Flight, ending: simpy.Event) -> Steps:
        """Waits for the end of one session, and buffers its upload."""
        server, desk, rows = self._server, self._desk, np.zeros(1, dtype=np.int64)
        yield ending
        self._at_work -= 1
        ended_s, base = float(flight.ended_s[0]), int(flight.opened.base[0])
        limit = self._rules.max_staleness
        arrived = bool(np.isfinite(flight.arrived_s[0])) and server.stop_reason is None
        if arrived and (limit is None or server.version - base <= limit):
            desk.use(flight, rows, server.version + 1)
            self._held.append(desk.uploads(flight, rows))
        else:
            self._dropouts.append(desk.dropouts(flight, rows))
        desk.settle(flight, rows, ended_s)
        if len(self._held) == self._rules.goal:
            self._close(ended_s)

    def _close(self, closed_s: float) -> None:
        """Makes a version of the buffer."""
        server = self._server
        uploads = Uploads.joined(self._held)
        dropouts = Dropouts.joined(self._dropouts) if self._dropouts else Dropouts.none()
        self._held, self._dropouts = [], []
        staleness = server.version - uploads.base
        weights = self._desk.weights(uploads) * (1.0 + staleness) ** -self._rules.staleness_exponent
        server.step(uploads, tuple(weights.tolist()), closed_s, dropouts)
