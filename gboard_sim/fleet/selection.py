"""The server's side of selection: the phones that it holds until they are configured."""

import numpy as np

from gboard_sim.records import Floats, Ints


class Selection:
    """Phones whose check-ins were accepted, until the round is configured.

    Attributes:
        target: How many must be held at once for selection to be complete.
        phone: Held phones. Shape [n].
        checked_in_s: When each checked in. Shape [n].
        window_end_s: When each stops being eligible, and so leaves. Shape [n].
        version: The server's version when each checked in. Shape [n].
    """

    def __init__(self) -> None:
        self.target = 0
        self.phone: Ints = np.zeros(0, dtype=np.int64)
        self.checked_in_s: Floats = np.zeros(0)
        self.window_end_s: Floats = np.zeros(0)
        self.version: Ints = np.zeros(0, dtype=np.int64)

    @property
    def held(self) -> int:
        """Phones held."""
        return len(self.phone)

    @property
    def next_departure_s(self) -> float:
        """When the first of them leaves."""
        return float(self.window_end_s.min(initial=np.inf))

    def accept(self, phone: Ints, at_s: Floats, window_end_s: Floats, version: Ints) -> None:
        """Holds phones that checked in. Shape [n] each."""
        self.phone = np.concatenate([self.phone, phone])
        self.checked_in_s = np.concatenate([self.checked_in_s, at_s])
        self.window_end_s = np.concatenate([self.window_end_s, window_end_s])
        self.version = np.concatenate([self.version, version])

    def depart(self, until_s: float) -> "Selection":
        """Lets those go whose windows have ended by a time; returns them in order of leaving."""
        gone = np.flatnonzero(self.window_end_s <= until_s)
        gone = gone[np.lexsort((self.phone[gone], self.window_end_s[gone]))]
        left = self._rows(gone)
        self._keep(np.flatnonzero(self.window_end_s > until_s))
        return left

    def in_phone_order(self) -> "Selection":
        """The same phones by number."""
        return self._rows(np.argsort(self.phone, kind="stable"))

    def _keep(self, rows: Ints) -> None:
        self.phone, self.checked_in_s = self.phone[rows], self.checked_in_s[rows]
        self.window_end_s, self.version = self.window_end_s[rows], self.version[rows]

    def _rows(self, rows: Ints) -> "Selection":
        part = Selection()
        part.accept(
            self.phone[rows], self.checked_in_s[rows], self.window_end_s[rows], self.version[rows]
        )
        return part
