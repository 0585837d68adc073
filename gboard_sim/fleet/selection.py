"""The server's side of selection: the phones that it holds until they are configured."""

import numpy as np

from gboard_sim.records import Floats, Ints


class Selection:
    """Phones whose check-ins were accepted, until the round is configured.

    Attributes:
        target: How many must be held at once for selection to be complete.
        phone: Held phones, those that have left included. Shape [n].
        checked_in_s: When each checked in. Shape [n].
        window_end_s: When each stops being eligible, and so leaves. Shape [n].
        version: The server's version when each checked in. Shape [n].
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.phone: Ints = np.zeros(0, dtype=np.int64)
        self.checked_in_s: Floats = np.zeros(0)
        self.window_end_s: Floats = np.zeros(0)
        self.version: Ints = np.zeros(0, dtype=np.int64)

    def held(self, at_s: float) -> int:
        """Phones held at a time."""
        return int((self.window_end_s > at_s).sum())

    def completed_by(self, at_s: Floats, window_end_s: Floats) -> int | None:
        """The candidate whose acceptance completes the selection, or None.

        A phone is held while it is eligible: those that have left no longer count.

        Args:
            at_s: Check-ins, in order of time. Shape [n].
            window_end_s: When each candidate would leave. Shape [n].
        """
        leaves_s = np.sort(np.concatenate([self.window_end_s, window_end_s]))
        left = np.searchsorted(leaves_s, at_s, side="right")
        held = len(self.phone) + np.arange(1, len(at_s) + 1) - left
        full = np.flatnonzero(held >= self.target)
        return int(full[0]) if len(full) else None

    def accept(self, phone: Ints, at_s: Floats, window_end_s: Floats, version: int) -> None:
        """Holds phones that checked in. Shape [n] each."""
        self.phone = np.concatenate([self.phone, phone])
        self.checked_in_s = np.concatenate([self.checked_in_s, at_s])
        self.window_end_s = np.concatenate([self.window_end_s, window_end_s])
        self.version = np.concatenate([self.version, np.full(len(phone), version)])

    def split(self, at_s: float) -> tuple["Selection", "Selection"]:
        """Those that have left by a time, and those still held, the latter in phone order."""
        gone = self.window_end_s <= at_s
        stay = np.flatnonzero(~gone)
        return self._rows(np.flatnonzero(gone)), self._rows(
            stay[np.argsort(self.phone[stay], kind="stable")]
        )

    def _rows(self, rows: Ints) -> "Selection":
        part = Selection(self.target)
        part.accept(self.phone[rows], self.checked_in_s[rows], self.window_end_s[rows], 0)
        part.version = self.version[rows]
        return part
