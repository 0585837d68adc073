"""A running weighted sum of updates in float64, added block by block so that it stays in cache."""

import numpy as np
import numpy.typing as npt

from gboard_sim.seam.records import Vector

BLOCK = 16384
"""Numbers added at a time: 128 KiB in float64, an eighth of a core's second-level cache. Never
changes a bit."""


class WeightedSum:
    """The sum of weight times update over the updates given, in their order."""

    def __init__(self) -> None:
        self._total: npt.NDArray[np.float64] | None = None
        self._block = np.empty(BLOCK)

    @property
    def value(self) -> npt.NDArray[np.float64]:
        """The sum so far. Shape [P].

        Raises:
            ValueError: Nothing was added.
        """
        if self._total is None:
            raise ValueError("a sum of no updates has no size")
        return self._total

    def add(self, update: Vector, weight: float) -> None:
        """Add an update, of the same length as those before it."""
        if self._total is None:
            self._total = np.multiply(update, weight, dtype=np.float64)
            return
        for first in range(0, len(update), BLOCK):
            part = update[first : first + BLOCK]
            product = np.multiply(part, weight, out=self._block[: len(part)], dtype=np.float64)
            self._total[first : first + BLOCK] += product
