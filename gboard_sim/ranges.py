"""Ranges of whole numbers, many at once: lists of unequal length, laid end to end in one array."""

import numpy as np
import numpy.typing as npt

from gboard_sim.seam.records import Ints


def members(starts: Ints, counts: Ints) -> Ints:
    """The numbers from each start on, as many as its count, one range after another.

    Args:
        starts: Where each range begins. Shape [n].
        counts: How many numbers are in it. Shape [n].
    """
    found: Ints = np.repeat(starts - (np.cumsum(counts) - counts), counts)
    return found + np.arange(len(found))


def owned(first: Ints, owners: npt.NDArray[np.integer]) -> Ints:
    """The members of some owners' lists, one list after another.

    Args:
        first: Owner i has the members `first[i]:first[i + 1]`. Shape [m + 1].
        owners: Whose lists, in this order. Shape [n].
    """
    starts = first[owners]
    return members(starts, first[owners + 1] - starts)


def places(counts: Ints) -> Ints:
    """0, 1, 2, ... within each of some ranges, one range after another.

    Args:
        counts: How many numbers are in each. Shape [n].
    """
    return members(np.zeros(len(counts), np.int64), counts)
