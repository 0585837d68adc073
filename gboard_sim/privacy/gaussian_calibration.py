"""The exact trade between epsilon, delta and Gaussian noise (Balle and Wang, ICML 2018).

With mu the sensitivity over the standard deviation, the Gaussian mechanism is (epsilon, delta)-
private exactly when delta is at least Phi(mu/2 - epsilon/mu) - e^epsilon Phi(-mu/2 - epsilon/mu)
(theorem 8 there). It holds for every epsilon above 0, where the textbook's
sqrt(2 ln(1.25/delta)) / epsilon holds below 1 only. Everything is computed in logarithms, so that
neither e^epsilon nor a small delta leaves the range of a float.
"""

import math
from collections.abc import Callable

import scipy

_STEPS = 400  # halvings of a bracket before giving up; about 60 reach the last bit


def delta_of(epsilon: float, sigma: float, sensitivity: float = 1.0) -> float:
    """The smallest delta for which the noise is (epsilon, delta)-private.

    Args:
        epsilon: At least 0.
        sigma: Standard deviation of the noise, in the units of `sensitivity`; above 0.
        sensitivity: L2 distance between the values of two neighbours; above 0.

    Raises:
        ValueError: An argument is outside its range.
    """
    if not 0.0 <= epsilon < math.inf:
        raise ValueError(f"epsilon(={epsilon}) must be a finite number, at least 0")
    _refuse_not_positive(sigma=sigma, sensitivity=sensitivity)
    return math.exp(_log_delta(epsilon, sensitivity / sigma))


def sigma_of(epsilon: float, delta: float, sensitivity: float = 1.0) -> float:
    """The smallest standard deviation that is (epsilon, delta)-private; 0 for infinite epsilon.

    Args:
        epsilon: Above 0, infinity allowed.
        delta: Above 0 and below 1.
        sensitivity: L2 distance between the values of two neighbours; above 0.

    Raises:
        ValueError: An argument is outside its range.
    """
    if not epsilon > 0.0:
        raise ValueError(f"epsilon(={epsilon}) must be above 0")
    _refuse_not_positive(sensitivity=sensitivity)
    wanted = _log_of(delta)
    if math.isinf(epsilon):
        return 0.0

    def excess(log_sigma: float) -> float:
        return _log_delta(epsilon, math.exp(-log_sigma)) - wanted

    low = high = 0.0
    while excess(low) < 0.0:
        low -= 1.0
    while excess(high) > 0.0:
        high += 1.0
    return sensitivity * math.exp(_root(excess, low, high))


def epsilon_of(sigma: float, delta: float, sensitivity: float = 1.0) -> float:
    """The smallest epsilon for which the noise is (epsilon, delta)-private.

    Args:
        sigma: Standard deviation of the noise; 0 gives infinity.
        delta: Above 0 and below 1.
        sensitivity: L2 distance between the values of two neighbours; above 0.

    Raises:
        ValueError: An argument is outside its range.
    """
    if not 0.0 <= sigma < math.inf:
        raise ValueError(f"sigma(={sigma}) must be a finite number, at least 0")
    _refuse_not_positive(sensitivity=sensitivity)
    wanted = _log_of(delta)
    if sigma == 0.0:
        return math.inf
    mu = sensitivity / sigma

    def excess(epsilon: float) -> float:
        return _log_delta(epsilon, mu) - wanted

    if excess(0.0) <= 0.0:
        return 0.0
    high = 1.0
    while excess(high) > 0.0:
        high *= 2.0
    return _root(excess, 0.0, high)


def _log_delta(epsilon: float, mu: float) -> float:
    """The natural logarithm of theorem 8's delta; minus infinity where a float cannot hold it."""
    log_near = float(scipy.special.log_ndtr(mu / 2.0 - epsilon / mu))
    log_ratio = epsilon + float(scipy.special.log_ndtr(-mu / 2.0 - epsilon / mu)) - log_near
    if log_ratio >= 0.0:  # two equal numbers, up to rounding
        return -math.inf
    return log_near + math.log(-math.expm1(log_ratio))


def _root(excess: Callable[[float], float], low: float, high: float) -> float:
    """Where a falling function is zero, to the last bits; bisection is at ease with infinities."""
    return float(scipy.optimize.bisect(excess, low, high, xtol=1e-15, rtol=1e-15, maxiter=_STEPS))


def _log_of(delta: float) -> float:
    """The logarithm of a delta in its range."""
    if not 0.0 < delta < 1.0:
        raise ValueError(f"delta(={delta}) must be above 0 and below 1")
    return math.log(delta)


def _refuse_not_positive(**values: float) -> None:
    """Raises ValueError for the first value that is not a finite number above 0."""
    for name, value in values.items():
        if not 0.0 < value < math.inf:
            raise ValueError(f"{name}(={value}) must be a finite number above 0")
