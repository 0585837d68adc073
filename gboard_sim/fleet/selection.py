"""The server's side of selection: the phones that it holds until they are configured."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gboard_sim.seam.records import Flags, Floats, Ints, Task


@dataclass(frozen=True, slots=True)
class Seats:
    """Who finds a place free, as far as that is known.

    Attributes:
        free: Whether a place was free when each of some phones called. Shape [n].
        known: How many of them, from the first on, that is known of.
        until_s: The time up to which it is; infinite where all is known.
    """

    free: Flags
    known: int
    until_s: float


class Selection:
    """Phones whose check-ins were accepted, until they are configured.

    Attributes:
        task: What they are held for.
        target: How many must be held at once for selection to be complete.
        phone: Held phones. Shape [n].
        checked_in_s: When each checked in. Shape [n].
        window_end_s: When each stops being eligible, and so leaves. Shape [n].
        version: The server's version when each checked in. Shape [n].
        drawn: Which of some phones may be held at all; None is any.
        seats: For a selection that has places instead of a target: who of the phones that call, in
            order of time, finds one free, given also which of them it may take.
    """

    def __init__(self, task: Task = "train") -> None:
        self.drawn: Callable[[Ints], Flags] | None = None
        self.seats: Callable[[Selection, Flags], Seats] | None = None
        self.task: Task = task
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

    def accept(self, phone: Ints, at_s: Floats, window_end_s: Floats, version: int) -> None:
        """Holds phones that checked in. Shape [n] each."""
        self.phone = np.concatenate([self.phone, phone])
        self.checked_in_s = np.concatenate([self.checked_in_s, at_s])
        self.window_end_s = np.concatenate([self.window_end_s, window_end_s])
        self.version = np.concatenate([self.version, np.full(len(phone), version)])

    def depart(self, until_s: float) -> "Selection":
        """Lets those go whose windows have ended by a time; returns them in order of leaving."""
        gone = self.window_end_s <= until_s
        left = self.split(gone)
        return left.rows(np.lexsort((left.phone, left.window_end_s)))

    def split(self, leaving: Flags) -> "Selection":
        """Takes out some of the phones. Shape [n]."""
        left, stay = self.rows(np.flatnonzero(leaving)), self.rows(np.flatnonzero(~leaving))
        self.phone, self.checked_in_s = stay.phone, stay.checked_in_s
        self.window_end_s, self.version = stay.window_end_s, stay.version
        return left

    def in_phone_order(self) -> "Selection":
        """The same phones by number."""
        return self.rows(np.argsort(self.phone, kind="stable"))

    def rows(self, rows: Ints) -> "Selection":
        """Some of the phones, in the order of `rows`."""
        part = Selection(self.task)
        part.phone, part.checked_in_s = self.phone[rows], self.checked_in_s[rows]
        part.window_end_s, part.version = self.window_end_s[rows], self.version[rows]
        return part
