"""What sums with whole-numbered noise reveal: Renyi bounds, composed over a phone's sums.

Renyi divergences of one sum add up over the sums that a phone takes part in (I. Mironov, "Renyi
Differential Privacy", CSF 2017), and `dp_accounting` turns the total into epsilon. Sensitivities
are those of whole numbers: an update replaced by none (zero-out) changes the sum by the phone's
rounded vector, of an L2 norm of at most D, and an L1 norm of at most min(sqrt(d) D, D^2), since no
whole number is above its own square.
"""

import math
from collections.abc import Callable

import numpy as np

from gboard_sim.privacy.mechanisms import discrete_gaussian as sampler
from gboard_sim.seam.records import Floats

ORDERS: Floats = np.array([*range(2, 257), *range(272, 1025, 16), *range(1088, 8193, 64)], float)
"""Whole numbers, for which Skellam's bound is proved."""

_MOST_TRIES = 50
"""Steps towards an epsilon that pays for its own sampler (assumed: it takes one or two where there
is one, since a sampler's distance is tiny)."""


def epsilon(
    noise: str,
    *,
    variance: float,
    norm: float,
    size: int,
    shares: int,
    sums: int,
    delta: float,
) -> float:
    """Epsilon of the sums that a phone takes part in; infinity without noise.

    Args:
        noise: `distributed_skellam` or `distributed_discrete_gaussian`.
        variance: Of the noise of the honest shares together, in whole numbers squared.
        norm: Largest L2 norm of a rounded update, in whole numbers.
        size: Numbers in a vector.
        shares: Honest shares of which the noise is made.
        sums: Most sums that a phone takes part in.
        delta: Probability with which the bound may fail.
    """
    from dp_accounting import rdp  # noqa: PLC0415  it loads half of scipy

    if sums == 0:
        return 0.0
    if variance == 0.0 or delta == 0.0:
        return math.inf
    exact = noise == "distributed_skellam"
    one = skellam if exact else discrete_gaussian
    divergence = sums * one(ORDERS, variance=variance, norm=norm, size=size, shares=shares)
    distance = 0.0 if exact else sums * shares * size * sampler.distance(variance / shares)
    return _with_distance(
        lambda left: float(rdp.compute_epsilon(ORDERS, divergence, left)[0]), delta, distance
    )


def _with_distance(epsilon_of: Callable[[float], float], delta: float, distance: float) -> float:
    """Epsilon where the noise is drawn from a law at a distance from the one accounted for.

    With noise at a total variation distance of t in all, what is (e, d)-private becomes
    (e, d + (1 + exp e) t)-private: both sides of the inequality may be off by t. Shares beyond the
    honest ones are added to what is private already, and their distance does not matter.

    Args:
        epsilon_of: Epsilon of the exact law, by delta.
        delta: What there is to spend.
        distance: t.
    """
    found = epsilon_of(delta)
    if distance == 0.0:
        return found
    for _ in range(_MOST_TRIES):
        left = delta - (1.0 + math.exp(min(found, 700.0))) * distance
        if left <= 0.0:
            return math.inf
        before, found = found, epsilon_of(left)
        if found <= before:
            return found
    return math.inf


def skellam(orders: Floats, *, variance: float, norm: float, size: int, shares: int = 1) -> Floats:
    """Renyi divergence of a sum with Skellam noise, by order.

    Agarwal et al. (NeurIPS 2021, theorem 3.2). The sum of Skellam shares is Skellam, so their
    number does not matter.
    """
    ones = norm * min(math.sqrt(size), norm)
    near = ((2.0 * orders - 1.0) * norm**2 + 6.0 * ones) / (4.0 * variance**2)
    far = 3.0 * ones / (2.0 * variance)
    return orders * norm**2 / (2.0 * variance) + np.minimum(near, far)


def discrete_gaussian(
    orders: Floats, *, variance: float, norm: float, size: int, shares: int
) -> Floats:
    """Renyi divergence of a sum with discrete Gaussian shares, by order.

    Kairouz et al. (ICML 2021, proposition 14): the least of three bounds, in which tau is how far
    the sum of shares is from a discrete Gaussian of its variance.
    """
    ones = norm * min(math.sqrt(size), norm)
    one_share = 2.0 * math.pi**2 * variance / shares
    places = np.arange(1, shares, dtype=np.float64)
    tau = 10.0 * float(np.exp(-one_share * places / (places + 1.0)).sum())
    ratio, deviation = norm**2 / variance, math.sqrt(variance)
    bounds = (
        orders / 2.0 * ratio + tau * size,
        orders / 2.0 * (ratio + 2.0 * ones / deviation * tau + tau**2 * size),
        orders / 2.0 * (norm / deviation + math.sqrt(size) * tau) ** 2,
    )
    least: Floats = np.min(bounds, axis=0)
    return least
