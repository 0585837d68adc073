"""When each phone acts next: asked many times a simulated minute, so that most phones are skipped.

Looking through a million times costs a millisecond, and a server asks several times a round. So
the phones that act within the next stretch are kept apart, and only they are looked through.
"""

import numpy as np

from gboard_sim.seam.records import Floats, Ints

_AHEAD_S = 300.0  # how far the phones kept apart reach (assumed); changes no result


class Agenda:
    """The next act of every phone.

    Attributes:
        at_s: When; infinite for phones that wait for nothing. Written by `set` alone.
            Shape [phones].
    """

    def __init__(self, phones: int) -> None:
        self.at_s: Floats = np.full(phones, np.inf)
        self._until_s = -np.inf
        self._soon: Ints = np.zeros(0, dtype=np.int64)
        self._is_soon = np.zeros(phones, dtype=bool)

    def set(self, phone: Ints, at_s: Floats | float) -> None:
        """Sets when some distinct phones act next. Shape [n]."""
        self.at_s[phone] = at_s
        early = phone[(self.at_s[phone] < self._until_s) & ~self._is_soon[phone]]
        if len(early):
            self._is_soon[early] = True
            self._soon = np.concatenate([self._soon, early])

    def due(self, before_s: float) -> Ints:
        """Phones that act before a time, by number."""
        if before_s > self._until_s:
            self._look(before_s)
        due: Ints = np.sort(self._soon[self.at_s[self._soon] < before_s])
        return due

    def _look(self, from_s: float) -> None:
        """Finds the phones that act within the next stretch."""
        self._is_soon[self._soon] = False
        self._until_s = from_s + _AHEAD_S
        self._soon = np.flatnonzero(self.at_s < self._until_s)
        self._is_soon[self._soon] = True
