"""The buffer of `buffer` where sessions share nothing: many at once, to the same bits.

What a session comes to follows from its phone, its beginning and the version alone. So sessions
are priced as arrays for all phones that might be configured before the next version, whatever
becomes of them; who of them finds a place, and when the buffer is full, is then a matter of
sorting times. What was found for phones that were turned away is thrown away.
"""

from bisect import insort
from heapq import heapify, heappop, heappush

import numpy as np

from gboard_sim.fleet.alarms import Steps
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.filling import Filling
from gboard_sim.fleet.flight import Flight
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.phones import Phones
from gboard_sim.fleet.selection import Seats, Selection
from gboard_sim.fleet.server import Server
from gboard_sim.seam.records import Flags, Floats, Ints

_FORESEEN = 16  # sessions priced beyond those that places were counted for (assumed)


class BufferInArrays:
    """Runs an asynchronous server, up to a version at a time, until something stops it.

    Args:
        server: Its time.
        desk: Where sessions begin and end, which `foresees`.
        rules: What it wants.
        phones: What phones do.
        streams: Whether sessions are logged one by one as they end, so that budgets know of them.
    """

    def __init__(
        self,
        *,
        server: Server,
        desk: FlightDesk,
        rules: BufferRules,
        phones: Phones,
        streams: bool,
    ) -> None:
        self._server = server
        self._desk = desk
        self._rules = rules
        self._phones = phones
        self._streams = streams
        self._filling = Filling(server, desk, rules)
        self._flights: list[Flight] = []

    def run(self) -> Steps:
        """Works through stretches of time in which no version is made but at their ends."""
        server = self._server
        while server.runs:
            server.held.seats = self._seats
            yield from server.accept(self._changes_s(), self._go_on)
        for flight in self._flights:  # what ends after the run is in no version
            self._desk.settle(flight, np.flatnonzero(flight.open), 0.0)

    def _changes_s(self) -> float:
        """When the buffer is full, or a phone that is at work now acts again, if not later."""
        found = np.inf
        for flight in self._flights:
            phone = flight.held.phone[flight.open]
            acts_s = np.maximum(self._phones.then_start_s[phone], flight.ended_s[flight.open])
            found = min(found, float(acts_s.min()))
        arrivals_s = self._arrivals_s()
        missing = self._filling.missing
        return min(found, arrivals_s[missing - 1] if len(arrivals_s) >= missing else np.inf)

    def _arrivals_s(self) -> list[float]:
        """When uploads under way that the buffer takes arrive, in order."""
        found: list[float] = []
        for flight in self._flights:
            found += flight.arrived_s[flight.open & self._filling.takes(flight)].tolist()
        return sorted(found)

    def _seats(self, calling: Selection, wanted: Flags) -> Seats:
        """Which of the phones that call, in order of time, find a place free. Shape [n] each."""
        version, missing = self._server.version, self._filling.missing
        ends_s = [s for f in self._flights for s in f.ended_s[f.open].tolist()]
        arrivals_s, at_work = self._arrivals_s(), len(ends_s)
        heapify(ends_s)
        last_s = float(calling.checked_in_s[-1])
        most = max(self._rules.concurrency - at_work, 0) + sum(s <= last_s for s in ends_s)
        able = np.flatnonzero(wanted)
        foreseen = self._desk.foresee(calling.rows(able[: most + _FORESEEN]), version)
        takes, until_s = self._filling.takes(foreseen), np.inf
        free = np.zeros(len(wanted), dtype=bool)
        known = int(able[most + _FORESEEN]) if len(able) > most + _FORESEEN else len(wanted)
        nth: Ints = np.cumsum(wanted) - wanted  # a wanted phone's place among those foreseen
        row = 0
        while row < known:
            at_s = float(calling.checked_in_s[row])
            if at_s >= until_s:
                break
            while ends_s and ends_s[0] <= at_s:
                heappop(ends_s)
                at_work -= 1
            if at_work >= self._rules.concurrency:  # nobody finds a place before the next end
                row = int(np.searchsorted(calling.checked_in_s, ends_s[0]))
                continue
            free[row] = True
            if wanted[row]:
                at_work += 1
                heappush(ends_s, float(foreseen.ended_s[nth[row]]))
                if takes[nth[row]]:
                    insort(arrivals_s, float(foreseen.arrived_s[nth[row]]))
                    if len(arrivals_s) >= missing:
                        until_s = arrivals_s[missing - 1]
            row += 1
        known = min(known, int(np.searchsorted(calling.checked_in_s, until_s)))
        return Seats(free, known, until_s)

    def _go_on(self) -> None:
        """Configures the phones that were accepted, and settles what is over by now."""
        server = self._server
        if server.held.held:
            taken, server.held = server.held, Selection()
            flight = self._desk.configure(taken, taken.checked_in_s, server.version)
            flight.streams = self._streams
            self._flights.append(flight)
        while self._land(server.clock_s):
            pass
        self._flights = [flight for flight in self._flights if flight.open.any()]

    def _land(self, now_s: float) -> bool:
        """Settles what is over by now, up to a full buffer; whether that was full."""
        over = [np.flatnonzero(f.open & (f.ended_s <= now_s)) for f in self._flights]
        which = np.repeat(np.arange(len(over)), [len(rows) for rows in over])
        row = np.concatenate([np.zeros(0, dtype=np.int64), *over])
        ended_s = np.concatenate(
            [np.zeros(0), *(f.ended_s[rows] for f, rows in zip(self._flights, over, strict=True))]
        )
        takes = np.concatenate(
            [
                np.zeros(0, dtype=bool),
                *(
                    self._filling.takes(f)[rows]
                    for f, rows in zip(self._flights, over, strict=True)
                ),
            ]
        )
        order = np.lexsort((row, which, ended_s))
        filled = np.flatnonzero(takes[order])[self._filling.missing - 1 : self._filling.missing]
        full = len(filled) > 0 and self._server.stop_reason is None
        if full:
            order = order[: filled[0] + 1]
        for number, flight in enumerate(self._flights):
            mine: Ints = np.sort(row[order[which[order] == number]])
            if len(mine):
                self._filling.land(flight, mine, 0.0)
        if full:
            closed_s: Floats = ended_s[order[-1]]
            self._filling.close(float(closed_s))
        return full
