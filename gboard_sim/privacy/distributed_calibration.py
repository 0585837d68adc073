"""Scale and noise of a distributed mechanism, for an epsilon and a ring of so many bits.

The finer the scale, the less rounding costs, and the more of the ring a sum needs. So the scale is
the finest one with which a sum leaves the ring, in any of its coordinates, with a probability of at
most `WRAPS`. That is bounded here, not estimated (a wrapped sum is wrong, but reveals no more):

A rotation block of p coordinates spreads the sum of at most n updates of norm c, in whole numbers,
so that each coordinate is sub-Gaussian with variance proxy (n c)^2 / p; rounding moves the sum by
at most n, for sure; and the noise has the moment generating function of its own law. Chernoff's
inequality for their sum, over both sides and all coordinates, is the bound.
"""

import math
from dataclasses import dataclass

import scipy

from gboard_sim import rotation
from gboard_sim.privacy import distributed_accounting
from gboard_sim.privacy.mechanisms import discrete_gaussian
from gboard_sim.privacy.mechanisms.distributed import (
    Distributed,
    DistributedDiscreteGaussian,
    DistributedSkellam,
)
from gboard_sim.privacy.mechanisms.integer_rounding import norm_bound

WRAPS = 1e-6
"""Most likely share of sums of which a coordinate wraps around (assumed: below one in a run)."""

MOST_BITS = 24
"""Beyond them float32, which carries payloads within the simulator, skips whole numbers."""

_MARGIN = 1.0 + 1e-9  # of the noise, so that what is claimed is never above the target


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What a sum is made of.

    Attributes:
        size: Numbers in a vector.
        most: Most updates in a sum.
        honest: Fewest shares of noise that nobody knows: the least cohort without its colluders.
        sums: Most sums that a phone takes part in.
        delta: Probability with which the claim may fail.
        bits: Of the ring.
    """

    size: int
    most: int
    honest: int
    sums: int
    delta: float
    bits: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scale and noise.

    Attributes:
        scale: Whole numbers in a unit of the update.
        share_variance: Variance of one phone's share of noise, in whole numbers squared.
        norm: Largest L2 norm of a rounded update, in whole numbers.
        noise_multiplier: Standard deviation over the clip of the noise of the honest shares.
        epsilon: Of all sums that a phone takes part in.
        wraps: Bound on the probability that a sum leaves the ring.
    """

    scale: float
    share_variance: float
    norm: float
    noise_multiplier: float
    epsilon: float
    wraps: float


def calibrated(
    kind: type[Distributed], target: float, clip: float, about: Aggregate
) -> Calibration:
    """The finest scale that fits the ring, with just enough noise for it.

    Args:
        kind: The mechanism.
        target: The whole run's epsilon for one phone; infinity rounds without noise.
        clip: The L2 clip norm.
        about: What a sum is made of.

    Raises:
        ValueError: The ring is too small for any scale, or an argument is out of range.
    """
    if not target > 0.0:
        raise ValueError(f"epsilon(={target}) must be above 0")
    if not 1 <= about.bits <= MOST_BITS:
        raise ValueError(f"bits(={about.bits}) must be between 1 and {MOST_BITS}")
    if about.honest < 1:
        raise ValueError(
            "colluders must be fewer than protocol.minimum: nobody else's noise is left"
        )

    def excess(log_norm: float) -> float:
        found = _with_scale(kind, target, math.exp(log_norm) / clip, clip, about)
        return math.log(max(found.wraps, 1e-300) / WRAPS)

    low, high = math.log(1e-2), math.log(2.0**about.bits)
    if excess(low) > 0.0:
        raise ValueError(
            f"bits(={about.bits}) are too few for sums of {about.most} updates with this noise; "
            "raise codec.bits"
        )
    log_norm = scipy.optimize.brentq(excess, low, high, xtol=1e-6) if excess(high) > 0.0 else high
    log_norm -= 1e-5  # on the safe side of the root
    return _with_scale(kind, target, math.exp(log_norm) / clip, clip, about)


def _with_scale(
    kind: type[Distributed], target: float, scale: float, clip: float, about: Aggregate
) -> Calibration:
    """The noise that a scale needs."""
    norm = norm_bound(scale * clip, about.size)

    def epsilon(variance: float) -> float:
        return distributed_accounting.epsilon(
            kind.name,
            variance=variance,
            norm=norm,
            size=about.size,
            shares=about.honest,
            sums=about.sums,
            delta=about.delta,
        )

    variance, claimed = 0.0, math.inf
    if not math.isinf(target):
        # In units of the norm the noise hardly depends on the scale, so the bracket is narrow.
        low = high = 2.0 * math.log(norm)
        while epsilon(math.exp(low)) < target:
            low -= 2.0
        while epsilon(math.exp(high)) > target:
            high += 2.0
        root = scipy.optimize.brentq(
            lambda log: epsilon(math.exp(log)) - target, low, high, xtol=1e-9
        )
        variance = math.exp(root) * _MARGIN
        while (claimed := epsilon(variance)) > target:
            variance *= _MARGIN
    share = variance / about.honest
    too_wide = kind is DistributedDiscreteGaussian and share > discrete_gaussian.MOST_SIGMA**2
    return Calibration(
        scale=scale,
        share_variance=share,
        norm=norm,
        noise_multiplier=math.sqrt(variance) / scale / clip,
        epsilon=claimed,
        wraps=1.0 if too_wide else wrap_probability(kind, share, scale * clip, about),
    )


def wrap_probability(
    kind: type[Distributed], share_variance: float, norm: float, about: Aggregate
) -> float:
    """Bound on the probability that any coordinate of a sum leaves the ring.

    Args:
        kind: The mechanism.
        share_variance: Variance of one phone's share.
        norm: Largest L2 norm of an update before rounding, in whole numbers.
        about: What the sum is made of.
    """
    block = min(rotation.BLOCK, 1 << about.size.bit_length() - 1)
    spread = (about.most * norm) ** 2 / block
    added = about.most * share_variance
    room = 2.0 ** (about.bits - 1) - 1.0 - about.most
    if room <= 0.0:
        return 1.0
    if kind is DistributedSkellam and added:
        # log E exp(t x) of Skellam noise is its variance times cosh t - 1.
        t = scipy.optimize.brentq(lambda t: spread * t + added * math.sinh(t) - room, 0.0, 700.0)
        log = spread * t * t / 2.0 + added * (math.cosh(t) - 1.0) - room * t
    else:
        log = -(room**2) / (2.0 * (spread + added)) if spread + added else -math.inf
    return min(1.0, math.exp(min(math.log(2.0 * about.size) + log, 0.0)))
