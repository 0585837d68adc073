"""The buffers of a BLT with the least error: found numerically, for one run's bounds.

The matrix of prefix sums A factors as (A B^-1) B, so that the noise in the sum of the first m
updates has a deviation of sensitivity(B) times the norm of row m of A B^-1, in units of z C / z.
What is made least is the largest of these, the last one (McMahan, Xu and Zhang, 2024, arXiv
2408.08868, section 4). Poles theta and zeros theta' of the generating function
prod (1 - theta'_i x) / prod (1 - theta_i x) that interlace, 1 > theta_1 > theta'_1 > theta_2 > ...,
give a matrix whose coefficients are positive and fall, and so are searched over, by the logarithms
of the steps of 1 - theta.
"""

from functools import lru_cache

import numpy as np
import scipy

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.mechanisms.blt import Blt
from gboard_sim.privacy.mechanisms.sum_noise import versions_of
from gboard_sim.seam.records import Floats

DIGITS = 9
"""To which theta and theta' are rounded, so that processors that differ in the last bits of a
logarithm have the same noise."""


@lru_cache(maxsize=16)
def best_blt(bounds: Bounds, buffers: int) -> Blt:
    """The BLT with the least largest error of a prefix sum.

    Args:
        bounds: With versions; what the fleet enforces.
        buffers: How many it has.

    Raises:
        ValueError: A bound is missing.
    """
    spread = np.geomspace(0.5 / (versions_of(bounds) + 1), 0.9, 2 * buffers)
    found = scipy.optimize.minimize(
        lambda steps: np.log(largest_error(_blt(steps), bounds)),
        np.append(np.diff(np.log(spread)), 0.1),
        method="BFGS",
        options={"gtol": 1e-4},  # the error is flat about its least: the noise is as good
    )
    return _blt(found.x, DIGITS)


def largest_error(blt: Blt, bounds: Bounds) -> float:
    """Standard deviation of the noise in the sum of all updates, for mu = 1 and a clip of 1."""
    sums = np.cumsum(inverse_coefficients(blt, versions_of(bounds)))
    return float(np.sqrt(blt.sensitivity_squared(bounds) * (sums @ sums)))


def inverse_coefficients(blt: Blt, count: int) -> Floats:
    """The first coefficients of the inverse, itself a BLT with poles and zeros exchanged."""
    theta, omega = np.array(blt.theta), np.array(blt.omega)
    # 1 + sum omega_i x / (1 - theta_i x) is zero where the companion matrix has its eigenvalues.
    zeros = np.linalg.eigvals(np.diag(theta) - np.outer(np.ones(len(theta)), omega)).real
    weights = _weights(zeros, theta)
    return np.concatenate([[1.0], weights @ np.power.outer(zeros, np.arange(count - 1))])


def _blt(steps: Floats, digits: int = 17) -> Blt:
    """The BLT at a point of the search."""
    gaps = np.exp(-np.cumsum(np.logaddexp(0.0, steps[::-1])))[::-1]  # ascending, in (0, 1)
    ends = np.array([float(f"{end:.{digits}g}") for end in 1.0 - gaps])
    theta, zeros = ends[0::2], ends[1::2]
    return Blt(tuple(theta.tolist()), tuple(_weights(theta, zeros).tolist()))


def _weights(poles: Floats, zeros: Floats) -> Floats:
    """The residues: omega_i = prod_j (theta_i - theta'_j) / prod_(j != i) (theta_i - theta_j)."""
    apart = poles[:, None] - poles
    np.fill_diagonal(apart, 1.0)
    found: Floats = np.prod(poles[:, None] - zeros, axis=1) / np.prod(apart, axis=1)
    return found
