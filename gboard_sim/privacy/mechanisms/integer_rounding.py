"""Rounding to whole numbers at random, with a bound on how much the norm may grow.

P. Kairouz, Z. Liu, T. Steinke, "The Distributed Discrete Gaussian Mechanism for Federated Learning
with Secure Aggregation", ICML 2021: every number is rounded up with the probability of its fraction
(so that the mean is the number), all over again until the norm is within a bound that a draw keeps
with probability 1 - beta or more (theorem 1). The bound holds for every payload, so it is the
sensitivity; the repetition moves the mean by next to nothing.
"""

import math

import numpy as np

from gboard_sim.seam.records import Vector

BETA = math.exp(-0.5)
"""As in the paper's experiments: at most so often is a draw out of bounds."""

_MOST_DRAWS = 200  # each in bounds with probability .39 or more: all fail once in 10^43 times


def norm_bound(norm: float, size: int) -> float:
    """The largest L2 norm of a rounded vector that is kept.

    Args:
        norm: The largest L2 norm before rounding.
        size: Numbers in the vector.
    """
    spread = math.sqrt(2.0 * math.log(1.0 / BETA))
    # The paper also has the certain bound norm + sqrt(size), which with this beta is never less.
    return math.sqrt(norm**2 + size / 4.0 + spread * (norm + math.sqrt(size) / 2.0))


def round_within(vector: Vector, bound: float, random: np.random.Generator) -> Vector:
    """The vector in whole numbers, of a norm within the bound.

    Args:
        vector: Below 2^23 in absolute value, beyond which float32 has no fractions; used up, since
            fresh memory costs more than the arithmetic. Shape [n].
        bound: What `norm_bound` gave for a norm of at least the vector's.
        random: Where the draws come from.

    Raises:
        ValueError: The bound is too narrow for the vector.
    """
    below: Vector = np.floor(vector)
    vector -= below
    up = np.zeros(len(vector), np.float32)
    for _ in range(_MOST_DRAWS):
        below -= up
        np.less(random.random(out=up, dtype=np.float32), vector, out=up)
        below += up
        if float(np.einsum("i,i->", below, below, dtype=np.float64)) <= bound * bound:
            return below
    raise ValueError(f"bound(={bound}) is too narrow for the vector")
