"""Asynchronous aggregation with a buffer: FedBuff (Nguyen et al., AISTATS 2022).

A fixed number of phones train at any time: as soon as one session is over, the next phone that
checks in is configured with the newest version. Uploads gather in a buffer, each weighted by
`(1 + staleness)^-a`; the K-th makes the next version. The staleness of an upload is the number of
versions made since the one that it started from.

Here phones are configured one by one, since nobody knows when their sessions end; where that is
known beforehand, `buffer_in_arrays` makes the same run of many at once.
"""

import numpy as np
import simpy

from gboard_sim.fleet.alarms import Steps
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.filling import Filling
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.server import Server


class Buffer:
    """Runs an asynchronous server until something stops it."""

    def __init__(self, *, server: Server, desk: FlightDesk, rules: BufferRules) -> None:
        self._server = server
        self._desk = desk
        self._rules = rules
        self._filling = Filling(server, desk, rules)
        self._at_work = 0

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
        yield ending
        self._at_work -= 1
        ended_s = float(flight.ended_s[0])
        self._filling.land(flight, np.zeros(1, dtype=np.int64), ended_s)
        if not self._filling.missing:
            self._filling.close(ended_s)
