"""How unequally work is spread: the Lorenz curve, and the two figures that are read off it.

M. O. Lorenz, Methods of measuring the concentration of wealth, 1905; C. Gini, 1912.
"""

import numpy as np

from gboard_sim.seam.records import Floats, Ints

TOP = 0.3
"""Part of the phones whose share of the work is named, as in FLASH (Yang et al., WWW 2021)."""


def lorenz(work: Ints, phones: Ints) -> tuple[Floats, Floats]:
    """The Lorenz curve: what part of the work the least busy part of the phones does.

    Args:
        work: Amounts of work, in any order. Shape [n].
        phones: Phones that did each. Shape [n].

    Returns:
        Parts of the phones and of the work, both rising from 0 to 1; the curve is straight between
        them. Of the work they are NaN where nobody did any. Shape [n + 1] each.
    """
    order = np.argsort(work, kind="stable")
    there = np.concatenate([[0], np.cumsum(phones[order])]).astype(np.float64)
    done = np.concatenate([[0], np.cumsum(work[order] * phones[order])]).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return there / there[-1], done / done[-1]


def gini(curve: tuple[Floats, Floats]) -> float:
    """Twice the area between a Lorenz curve and equality: 0, or near 1 where one phone does all."""
    there, done = curve
    return float(1.0 - np.sum(np.diff(there) * (done[1:] + done[:-1])))


def top_share(curve: tuple[Floats, Floats], part: float = TOP) -> float:
    """The share of the work that the busiest part of the phones does."""
    return float(1.0 - np.interp(1.0 - part, *curve))
