"""Whole numbers k drawn with probability proportional to e^(-k^2 / (2 sigma^2)), from a table.

C. Canonne, G. Kamath, T. Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020,
define it and sample it exactly by rejection; a table is several times faster on vectors. It holds
the distribution function in steps of 2^-128, computed in decimal numbers of 60 figures and cut off
where what remains is below 2^-128; a draw looks at its second 64 bits only where the first do not
decide. One draw's total variation distance from the exact law is at most `distance`; that of a
vector at most its length times as much.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import lru_cache
from math import ceil, sqrt
from typing import Literal

import numpy as np
import numpy.typing as npt

from gboard_sim.seam.records import Ints

MOST_SIGMA = 2.0**16
"""The table of a larger one would not fit a core's cache, and no payload of 24 bits needs one."""

_REACH = 13.3  # standard deviations: 2 Phi(-13.3) is below 2^-131
_STEP = 2.0**-128
_GUIDE_BITS = 16
_WORD = np.uint64
_SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


@dataclass(frozen=True, slots=True)
class Table:
    """The distribution function of one sigma.

    Attributes:
        first: The smallest number.
        until: The first 64 bits of 2^128 times the probability of each number and all below it,
            but for the last number, whose would be 2^128. Shape [entries - 1].
        after: The other 64 bits. Shape [entries - 1].
        guide: By the top 16 bits of a draw, the place of the number that the smallest such draw
            gives. Shape [2^16 + 1].
    """

    first: int
    until: npt.NDArray[np.uint64]
    after: npt.NDArray[np.uint64]
    guide: npt.NDArray[np.int32]

    def draw(self, size: int, random: np.random.Generator) -> Ints:
        """Independent numbers. Shape [size]."""
        drawn = random.integers(0, 2**64, size, dtype=np.uint64)
        cell = (drawn >> _WORD(64 - _GUIDE_BITS)).astype(np.int32)
        place = self.guide[cell]
        unsure = np.flatnonzero(self.guide[cell + 1] != place)
        place[unsure] = np.searchsorted(self.until, drawn[unsure], side="right")
        for tied in np.flatnonzero(self.until[place - 1] == drawn):
            first, last = (np.searchsorted(self.until, drawn[tied], side) for side in _SIDES)
            more = random.integers(0, 2**64, 1, dtype=np.uint64)[0]
            place[tied] = first + np.searchsorted(self.after[first:last], more, side="right")
        numbers = place.astype(np.int64)
        numbers += self.first
        return numbers


def distance(variance: float) -> float:
    """Bound on the total variation distance of one draw from the exact law."""
    entries = 2 * _reach(variance) + 1
    return (entries + 1) * _STEP


def _reach(variance: float) -> int:
    """The largest number in the table."""
    return ceil(_REACH * sqrt(variance)) + 1


@lru_cache(maxsize=4)
def table(variance: float) -> Table:
    """The table of a variance parameter sigma^2.

    Raises:
        ValueError: It is not above 0, or sigma is above `MOST_SIGMA`.
    """
    if not 0.0 < variance <= MOST_SIGMA**2:
        raise ValueError(f"variance(={variance}) must be above 0 and at most {MOST_SIGMA**2:g}")
    reach = _reach(variance)
    with localcontext() as context:
        context.prec = 60
        # e^(-(k + 1)^2 c) is e^(-k^2 c) times e^(-(2 k + 1) c): products, and one exponential.
        base = (-1 / (2 * Decimal(variance))).exp()
        mass, ratio, square = [Decimal(1)], base, base * base
        for _ in range(reach):
            mass.append(mass[-1] * ratio)
            ratio *= square
        unit = Decimal(2**128) / (2 * sum(mass) - mass[0])
        total, until = Decimal(0), []
        for one in (*mass[:0:-1], *mass[:-1]):
            total += one * unit
            until.append(min(int(total), 2**128 - 1))
    bounds = np.array([bound >> 64 for bound in until], dtype=np.uint64)
    after = np.array([bound & 2**64 - 1 for bound in until], dtype=np.uint64)
    starts = np.arange(2**_GUIDE_BITS, dtype=np.uint64) << _WORD(64 - _GUIDE_BITS)
    guide = np.searchsorted(bounds, starts, side="right")
    # The last cell ends where all draws end: at the last number.
    return Table(-reach, bounds, after, np.append(guide, len(bounds)).astype(np.int32))
