"""Sessions that began together, from their configuration to what came of them."""

import numpy as np
import simpy

from gboard_sim.fleet.opened import Batch, Opened
from gboard_sim.fleet.pricing import Priced
from gboard_sim.fleet.selection import Selection
from gboard_sim.seam.records import Flags, Floats, Ints


class Flight:
    """Sessions of distinct phones, in phone order; what each came to is known once it has ended.

    Where links are shared nobody can tell before; where they are not, all ends are known at once.

    Attributes:
        first_session: Number of the first phone's session; the rest follow.
        held: The phones as they were selected. Shape [n].
        version: The version that was handed out.
        opened: What each was asked.
        payload_bytes: Size of each payload. Shape [n].
        nth: Each phone's own count of payloads before. Shape [n].
        ended: Whose session is known to the end. Shape [n].
        arrived_s: When each upload arrived, infinite where none did so far. Shape [n].
        ended_s: When each session ended, infinite where it has not so far. Shape [n].
        used_in: The version that uses each upload, -1 as long as none does. Shape [n].
        open: Whose fate is not settled. Shape [n].
        silent: Who looked at its update and does not send it. Shape [n].
        streams: Whether sessions are logged as they are settled, not all together.
        logged: How many of them are.
    """

    def __init__(
        self,
        env: simpy.Environment,
        *,
        first_session: int,
        held: Selection,
        version: int,
        opened: Opened,
        payload_bytes: Ints,
        nth: Ints,
    ) -> None:
        n = held.held
        self.first_session = first_session
        self.held = held
        self.version = version
        self.opened = opened
        self.payload_bytes = payload_bytes
        self.nth = nth
        self.ended: Flags = np.zeros(n, dtype=bool)
        self.arrived_s: Floats = np.full(n, np.inf)
        self.ended_s: Floats = np.full(n, np.inf)
        self.used_in: Ints = np.full(n, -1, dtype=np.int64)
        self.open: Flags = np.ones(n, dtype=bool)
        self.silent: Flags = np.zeros(n, dtype=bool)
        self.streams = False
        self.logged = 0
        self._env = env
        self._whole: Priced | None = None
        self._rows: list[Priced | None] = [None] * n
        self._waiting: list[tuple[int | None, simpy.Event]] = []

    def complete(self, priced: Priced) -> None:
        """Takes what all sessions come to, known at once."""
        self._whole = priced
        self._note(np.arange(len(self.ended)), priced)

    def finish(self, row: int, priced: Priced) -> None:
        """Takes what one session came to, at its end."""
        self._rows[row] = priced
        self._note(np.array([row]), priced)
        arrived = int(np.isfinite(self.arrived_s).sum())
        waiting, self._waiting = self._waiting, []
        for wanted, event in waiting:
            if wanted is None or arrived >= wanted:
                event.succeed()
            else:
                self._waiting.append((wanted, event))

    def next_end(self) -> simpy.Event:
        """An event that comes with the next end that is not known now."""
        return self._wait(None)

    def arrivals(self, wanted: int) -> simpy.Event:
        """An event that comes when so many uploads have arrived, if ever."""
        return self._wait(wanted)

    def _wait(self, wanted: int | None) -> simpy.Event:
        event = self._env.event()
        self._waiting.append((wanted, event))
        return event

    def batch(self, rows: Ints) -> Batch:
        """Some of the sessions that have ended."""
        if self._whole is not None:
            return self.opened.batch(self._whole.take(rows), rows)
        parts = [part for row in rows.tolist() if (part := self._rows[row]) is not None]
        return self.opened.batch(Priced.of(parts), rows)

    def _note(self, rows: Ints, priced: Priced) -> None:
        self.ended[rows] = True
        self.ended_s[rows] = priced.ended_s
        self.arrived_s[rows] = np.where(priced.arrived, priced.ended_s, np.inf)
