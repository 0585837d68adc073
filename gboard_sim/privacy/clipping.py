"""The clips: what bounds how much one phone can say, in L2 or in L1."""

import math

import numpy as np

from gboard_sim.seam.records import Floats, Vector

# The scale and the products are rounded to float32, each by a factor of at most 1 + 2^-24; this
# much shorter, the clipped norm is at most the clip and not merely close to it.
_SLACK = 1.0 - 2.0**-22


BLOCK = 8192
"""Numbers squared at a time: 64 KiB in float64 stay in a core's cache, and are too few for a
library of linear algebra to share out among threads."""


def norm_of(update: Vector | Floats) -> float:
    """The L2 norm, summed in float64 and in an order that no number of threads can change.

    Raises:
        ValueError: The update holds NaN or infinity.
    """
    held, squared = np.empty(BLOCK), 0.0
    for first in range(0, len(update), BLOCK):
        part = update[first : first + BLOCK]
        block = held[: len(part)]
        block[:] = part
        squared += float(block @ block)
    norm = math.sqrt(squared)
    if not math.isfinite(norm):
        raise ValueError("update holds NaN or infinity; every number must be finite")
    return norm


def clip_l2(update: Vector, clip: float) -> Vector:
    """The update scaled to a norm of at most `clip`, or itself where its norm is below that.

    Raises:
        ValueError: The update holds NaN or infinity.
    """
    return shortened(update, norm_of(update), clip)


def shortened(update: Vector, norm: float, clip: float) -> Vector:
    """The same of an update whose norm is known."""
    if norm <= clip:
        return update
    return (update * np.float32(clip / norm * _SLACK)).astype(np.float32, copy=False)


def clip_l1(update: Vector, clip: float) -> Vector:
    """The update scaled to an L1 norm of at most `clip`, or itself where its norm is below that.

    Raises:
        ValueError: The update holds NaN or infinity.
    """
    norm = float(np.sum(np.abs(update), dtype=np.float64))
    if not math.isfinite(norm):
        raise ValueError("update holds NaN or infinity; every number must be finite")
    if norm <= clip:
        return update
    return (update * np.float32(clip / norm * _SLACK)).astype(np.float32, copy=False)
