"""What payloads reveal together when each is pure: the optimal composition, in closed form.

Of all mechanisms that are (epsilon, 0)-private, randomised response reveals the most, and k of them
compose to that answer k times (P. Kairouz, S. Oh, P. Viswanath, "The Composition Theorem for
Differential Privacy", ICML 2015, theorem 3.3): a privacy loss of (k - 2 l) epsilon with probability
C(k, l) e^(epsilon (k - l)) / (1 + e^epsilon)^k. Here that is evaluated at every total, where the
theorem names k / 2 of them, and in logarithms, so that an epsilon of hundreds stays in range
(`dp_accounting.pld.accountant.advanced_composition` leaves it at a sum of 709). The sum of the
epsilons needs no delta at all and is what remains at delta 0.
"""

import math

import numpy as np
import scipy

from gboard_sim.seam.records import Floats

MOST_SUMMED = 20_000
"""Releases that are summed up one by one; more are bounded in closed form (assumed: a second)."""

_MARGIN = 1.0 - 1e-9  # of the calibrated epsilon, so that what is claimed is never above the target


def delta_of(total: float, each: float, count: int, each_delta: float = 0.0) -> float:
    """The smallest delta at which `count` releases are (total, delta)-private together.

    Args:
        total: Epsilon of all together, at least 0.
        each: Epsilon of one release, at least 0.
        count: Releases.
        each_delta: Delta of one release.
    """
    fewer = np.arange(count + 1, dtype=np.float64)
    # log of C(count, l) e^(each (count - l)) / (1 + e^each)^count, and of the same world's mirror
    gammaln = scipy.special.gammaln
    log_mass = gammaln(count + 1) - gammaln(fewer + 1) - gammaln(count - fewer + 1)
    log_mass -= fewer * each + count * math.log1p(math.exp(-each))
    loss = (count - 2.0 * fewer) * each
    above = loss > total
    pure = 0.0
    if above.any():
        terms: Floats = log_mass[above] + np.log(-np.expm1(total - loss[above]))
        pure = min(math.exp(float(scipy.special.logsumexp(terms))), 1.0)
    return -math.expm1(count * math.log1p(-each_delta) + math.log1p(-min(pure, 1.0 - 2.0**-53)))


def epsilon_of(each: float, count: int, delta: float, each_delta: float = 0.0) -> float:
    """The smallest epsilon of `count` releases together; infinity where `delta` allows none.

    Args:
        each: Epsilon of one release.
        count: Releases.
        delta: Probability with which the bound may fail; 0 gives the sum.
        each_delta: Delta of one release.
    """
    if count == 0 or each == 0.0:
        return 0.0 if _spent(count, each_delta) <= delta else math.inf
    if math.isinf(each) or _spent(count, each_delta) > delta:
        return math.inf
    if delta == 0.0:
        return count * each
    if count > MOST_SUMMED:
        return min(count * each, _closed_form(each, count, delta, each_delta))

    def excess(total: float) -> float:
        return delta_of(total, each, count, each_delta) - delta

    if excess(0.0) <= 0.0:
        return 0.0
    found = float(scipy.optimize.brentq(excess, 0.0, count * each, xtol=1e-12, rtol=1e-14))
    return min(found + 2e-12 * max(found, 1.0), count * each)


def _spent(count: int, each_delta: float) -> float:
    """The delta that the releases' own leave no choice about."""
    return -math.expm1(count * math.log1p(-each_delta))


def _closed_form(each: float, count: int, delta: float, each_delta: float) -> float:
    """An epsilon that is never too small (theorem 3.4 there, its third bound)."""
    left = (delta - _spent(count, each_delta)) / (1.0 - _spent(count, each_delta))
    if left <= 0.0:
        return math.inf
    return count * each * math.tanh(each / 2.0) + each * math.sqrt(-2.0 * count * math.log(left))


def each_of(total: float, delta: float, count: int) -> float:
    """The largest epsilon of one pure release of which `count` stay (total, delta)-private.

    Args:
        total: Epsilon of all together; infinity gives infinity.
        delta: Probability with which the bound may fail.
        count: Releases, at least 1.

    Raises:
        ValueError: An argument is outside its range.
    """
    if not total > 0.0:
        raise ValueError(f"epsilon(={total}) must be above 0")
    if not 0.0 <= delta < 1.0:
        raise ValueError(f"delta(={delta}) must be at least 0 and below 1")
    if count < 1:
        raise ValueError(f"count(={count}) must be at least 1")
    if math.isinf(total):
        return math.inf
    low = total / count
    if delta == 0.0 or count == 1:
        # With one release a delta above 0 buys at most log((1 + delta e^..)) more: left unspent.
        return low
    high = low
    while epsilon_of(high, count, delta) <= total:
        high *= 2.0

    def excess(each: float) -> float:
        return epsilon_of(each, count, delta) - total

    found = float(scipy.optimize.brentq(excess, low, high, xtol=1e-13 * low, rtol=1e-12))
    return max(found * _MARGIN, low)
