"""What gathers in an asynchronous server's buffer, until it is full and makes a version."""

import numpy as np

from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.server import Server
from gboard_sim.seam.records import Flags, Ints
from gboard_sim.seam.uploads import Dropouts, Uploads


class Filling:
    """A buffer that is filled, emptied, and filled again.

    Attributes:
        missing: Uploads until it is full.
    """

    def __init__(self, server: Server, desk: FlightDesk, rules: BufferRules) -> None:
        self.missing = rules.goal
        self._server = server
        self._desk = desk
        self._rules = rules
        self._uploads: list[Uploads] = []
        self._dropouts: list[Dropouts] = []

    def takes(self, flight: Flight) -> Flags:
        """Which uploads of a flight are used, or would be if the version stays. Shape [n]."""
        limit = self._rules.max_staleness
        takes = np.isfinite(flight.arrived_s)
        if limit is not None:
            takes &= self._server.version - flight.opened.base <= limit
        return takes

    def land(self, flight: Flight, rows: Ints, at_s: float) -> None:
        """Buffers uploads of sessions that have ended, drops the others, and frees their phones.

        Args:
            flight: Sessions.
            rows: Those that are over, with no more uploads than are missing.
            at_s: The time from which their phones are free, if their ends are not later.
        """
        taken = self.takes(flight)[rows] & (self._server.stop_reason is None)
        used, lost = rows[taken], rows[~taken]
        if len(used):
            self._desk.use(flight, used, self._server.version + 1)
            self._uploads.append(self._desk.uploads(flight, used))
            self.missing -= len(used)
        if len(lost):
            self._dropouts.append(self._desk.dropouts(flight, lost))
        self._desk.settle(flight, rows, at_s)

    def close(self, closed_s: float) -> None:
        """Makes a version of a full buffer: in phone order, each upload by its staleness."""
        server = self._server
        uploads = Uploads.joined(self._uploads)
        dropouts = Dropouts.joined(self._dropouts) if self._dropouts else Dropouts.none()
        self._uploads, self._dropouts, self.missing = [], [], self._rules.goal
        staleness = server.version - uploads.base
        weights = self._desk.weights(uploads) * (1.0 + staleness) ** -self._rules.staleness_exponent
        server.step(uploads, tuple(weights.tolist()), closed_s, dropouts)
