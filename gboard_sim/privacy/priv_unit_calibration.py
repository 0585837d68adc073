"""How much PrivUnit reveals, how far it errs, and the best of its parameters for an epsilon.

An even vector of the unit sphere in d dimensions lies in the cap {v : <v, u> >= gamma} with
probability q. PrivUnit's density is p / q in the cap and (1 - p) / (1 - q) elsewhere (relative to
even), and two caps have parts of their own, so its epsilon is exactly

    log(p / (1 - p)) - log(q / (1 - q)),

which Bhowmick et al. (2018, theorem 1) bound in closed form. As 1 + t over 2 is Beta(a, a) with
a = (d - 1) / 2, q is a regularised incomplete beta function, taken here from t^2, which is
Beta(1/2, a), so that nothing cancels in high dimension. The mean cosine is (equation 15 there)

    m = (1 - gamma^2)^a / ((d - 1) B(1/2, a)) (p / q - (1 - p) / (1 - q)),

and the sent vector has norm 1 / m: the error is least where m is greatest. For a given epsilon that
leaves one choice, q; its best value makes PrivUnit optimal among unbiased mechanisms that are pure
(H. Asi, V. Feldman, K. Talwar, "Optimal Algorithms for Mean Estimation under Local Differential
Privacy", ICML 2022).
"""

import math
from dataclasses import dataclass

import scipy

from gboard_sim.privacy.mechanisms.priv_unit import PrivUnit

MOST_LEVELS = 2**20
"""Of the norm: beyond them rounding is finer than float32 (assumed)."""

LARGEST = 600.0
"""Epsilon of one payload that is calibrated: e^600 is still a float."""

_LEAST_REST = 1e-6  # of 1 - gamma^2: smaller ones lose figures, and gain nothing (assumed)


@dataclass(frozen=True, slots=True)
class Direction:
    """PrivUnit's parameters in one dimension.

    Attributes:
        miss_probability: 1 - p, which for a large epsilon is too small to tell p from 1.
        cap_cosine: gamma.
        shrinkage: m; 0 where the cap is too small for floats to hold.
    """

    miss_probability: float
    cap_cosine: float
    shrinkage: float


def calibrated(clip: float, epsilon: float, size: int, seed: int) -> PrivUnit:
    """PrivUnit with a pure epsilon for each payload, split so that the error is least.

    Args:
        clip: The L2 norm C.
        epsilon: Of direction and norm together; infinity clips without noise.
        size: Dimension d, at least 2.
        seed: The privacy seed.

    Raises:
        ValueError: An argument is outside its range.
    """
    if math.isinf(epsilon):
        return PrivUnit(clip, 0.0, seed)
    if not 0.0 < epsilon <= LARGEST:
        raise ValueError(f"epsilon(={epsilon:g}) of one payload must be at most {LARGEST:g}")
    tried = []
    for percent in range(1, 100):
        norm_epsilon = epsilon * percent / 100
        levels = level_count(norm_epsilon)
        way = direction(epsilon - norm_epsilon, size)
        told = norm_second_moment(1.0, levels, norm_epsilon)
        square = told / way.shrinkage**2 - 1.0 if way.shrinkage else math.inf
        tried.append((square, percent, way, levels, norm_epsilon))
    square, _, way, levels, norm_epsilon = min(tried, key=lambda found: found[:2])
    return PrivUnit(
        clip=clip,
        noise_multiplier=math.sqrt(square / size),
        seed=seed,
        miss_probability=way.miss_probability,
        cap_cosine=way.cap_cosine,
        shrinkage=way.shrinkage,
        levels=levels,
        norm_epsilon=norm_epsilon,
    )


def direction(epsilon: float, size: int) -> Direction:
    """The parameters of a pure epsilon with the smallest error.

    Args:
        epsilon: Above 0, at most `LARGEST`.
        size: Dimension d.

    Raises:
        ValueError: There is no cap on a line.
    """
    if size < 2:
        raise ValueError(f"size(={size}) must be at least 2: on a line there is no cap")
    best = scipy.optimize.minimize_scalar(
        lambda log_odds: -_with_odds(log_odds, epsilon, size).shrinkage,
        bounds=(-epsilon - 5.0, 0.0),
        method="bounded",
    )
    return _with_odds(float(best.x), epsilon, size)


def _with_odds(log_odds: float, epsilon: float, size: int) -> Direction:
    """The parameters where log(q / (1 - q)) is about that."""
    half, special = (size - 1) / 2.0, scipy.special
    rest = float(special.betaincinv(half, 0.5, 2.0 * special.expit(log_odds)))  # 1 - gamma^2
    cosine = math.sqrt(1.0 - rest)
    share = cap_share(cosine, size)  # of this very cosine, so that epsilon is exact
    if share == 0.0 or rest < _LEAST_REST:
        return Direction(0.0, cosine, 0.0)
    odds = float(special.logit(share)) + epsilon
    # p / q - (1 - p) / (1 - q) without the difference of two near numbers.
    gain = (1.0 - math.exp(-epsilon)) * float(special.expit(odds)) / share
    log_density = half * math.log(rest) - math.log(size - 1) - float(special.betaln(0.5, half))
    return Direction(float(special.expit(-odds)), cosine, gain * math.exp(log_density))


def cap_share(cosine: float, size: int) -> float:
    """q: the share of the sphere in the cap of a cosine, at least 0."""
    return 0.5 * float(scipy.special.betaincc(0.5, (size - 1) / 2.0, cosine * cosine))


def level_count(epsilon: float) -> int:
    """Levels of the norm besides 0: e^(epsilon / 3), as Bhowmick et al. (2018, section 4.2)."""
    return min(math.ceil(math.exp(min(epsilon / 3.0, 20.0))), MOST_LEVELS)


def norm_second_moment(share: float, levels: int, epsilon: float) -> float:
    """The mean square of what ScalarDP tells of a norm of `share` times C, over C^2.

    Args:
        share: From 0 to 1, on one of the levels.
        levels: k.
        epsilon: Of the norm.
    """
    power = math.exp(-epsilon)
    lies = levels * power / (1.0 + levels * power)
    level = share * levels
    total, squares = levels * (levels + 1) / 2, levels * (levels + 1) * (2 * levels + 1) / 6
    mean = (1.0 - lies) * level + lies * (total - level) / levels
    square = (1.0 - lies) * level**2 + lies * (squares - level**2) / levels
    middle = total * power / (1.0 + levels * power)
    scale = (1.0 + levels * power) / (1.0 - power) / levels
    return scale**2 * (square - 2.0 * middle * mean + middle**2)
