"""A vector cut into rows of equal length and a shorter last one, to be treated row by row."""

from collections.abc import Iterator
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
Number = TypeVar("Number", np.float32, np.uint8)


CACHED = 2**15
"""Numbers in a view (assumed: an eighth of a second-level cache of a megabyte as binary32)."""


def blocks(count: int, size: int) -> int:
    """Blocks of `size` numbers that `count` numbers make, a shorter last one counted."""
    return -(-count // size)


def rows_of(vector: npt.NDArray[Number], size: int) -> Iterator[npt.NDArray[Number]]:
    """Views of a vector: its whole blocks, shape [m, size], then the rest, shape [1, r].

    A view has no more blocks than fit a core's cache: what is done to it is done many times over.
    """
    whole = len(vector) // size * size
    step = max(1, CACHED // size) * size
    for first in range(0, whole, step):
        yield vector[first : min(first + step, whole)].reshape(-1, size)
    if whole < len(vector):
        yield vector[whole:].reshape(1, -1)
