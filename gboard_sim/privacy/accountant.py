"""What a phone's payloads reveal together: Gaussian releases composed.

Releases of multipliers z_1 .. z_k, each free to depend on those before it, compose exactly to one
of 1 / sqrt(sum 1 / z_i^2) (Dong, Roth and Su, JRSS-B 2022, corollary 3.3), so nothing is lost by
composing. `dp_accounting` turns the composed multiplier into epsilon in closed form. Its two
general accountants agree where they can: the one by privacy-loss distributions to 1e-6, up to an
epsilon of about 700, beyond which it overflows; the one by Renyi orders reads up to 11% higher.
Calibration goes the other way by `gboard_sim.privacy.gaussian_calibration`, so that the epsilon
asked and the epsilon claimed are computed by two programs.
"""

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np

from gboard_sim.privacy.gaussian_calibration import sigma_of

Relation = Literal["zero-out", "replace-one"]

SENSITIVITY: dict[Relation, float] = {"zero-out": 1.0, "replace-one": 2.0}
"""Largest L2 distance between the clipped updates of two neighbours, in clip norms."""

# Calibration may end a rounding error below the noise that was asked for; this much more of it
# keeps the claim at or under the epsilon asked.
_MARGIN = 1.0 + 1e-9


def epsilon(releases: Iterable[tuple[float, int]], delta: float, relation: Relation) -> float:
    """The epsilon of one phone's payloads together; infinity if one carries no noise.

    Args:
        releases: Noise multiplier (standard deviation over the clip norm) and number of payloads.
        delta: Probability with which the bound may fail.
        relation: What neighbouring means.
    """
    spent = 0.0  # squared ratio of sensitivity to noise
    for noise_multiplier, count in releases:
        if count and noise_multiplier == 0.0:
            return math.inf
        if count:
            spent += count * (SENSITIVITY[relation] / noise_multiplier) ** 2
    if spent == 0.0:
        return 0.0
    import dp_accounting  # noqa: PLC0415  it loads half of scipy

    with np.errstate(divide="ignore"):  # the logarithm of a delta of 0 on its way
        return float(dp_accounting.get_epsilon_gaussian(1.0 / math.sqrt(spent), delta))


def noise_multiplier(
    target_epsilon: float, delta: float, max_uploads: int, relation: Relation
) -> float:
    """The least noise for which `max_uploads` payloads together are (epsilon, delta)-private.

    Args:
        target_epsilon: The whole run's epsilon; infinity needs no noise.
        delta: Probability with which the bound may fail.
        max_uploads: Most payloads of which any byte leaves one phone.
        relation: What neighbouring means.

    Raises:
        ValueError: An argument is outside its range.
    """
    if max_uploads < 1:
        raise ValueError(f"max_uploads(={max_uploads}) must be at least 1")
    once = sigma_of(target_epsilon, delta, SENSITIVITY[relation])
    return once * math.sqrt(max_uploads) * _MARGIN
