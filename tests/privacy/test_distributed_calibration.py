import math

import numpy as np
import pytest

from gboard_sim import rotation
from gboard_sim.privacy import distributed_accounting
from gboard_sim.privacy.distributed_calibration import (
    WRAPS,
    Aggregate,
    calibrated,
    wrap_probability,
)
from gboard_sim.privacy.gaussian_calibration import sigma_of
from gboard_sim.privacy.mechanisms.distributed import (
    DistributedDiscreteGaussian,
    DistributedSkellam,
)
from gboard_sim.privacy.mechanisms.integer_rounding import norm_bound, round_within

KINDS = [DistributedSkellam, DistributedDiscreteGaussian]


def about(**changes):
    values = {"size": 5000, "most": 20, "honest": 16, "sums": 3, "delta": 1e-6, "bits": 16}
    return Aggregate(**(values | changes))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", [0.3, 4.0, 30.0])
def test_the_epsilon_asked_is_spent_and_the_ring_is_filled(kind, target):
    made = calibrated(kind, target, 0.5, about())
    assert target * (1.0 - 1e-6) <= made.epsilon <= target
    assert made.epsilon == distributed_accounting.epsilon(
        kind.name, variance=16 * made.share_variance, norm=made.norm, size=5000, shares=16, sums=3,
        delta=1e-6,
    )  # fmt: skip
    assert 0.9 * WRAPS < made.wraps <= WRAPS
    assert made.norm == norm_bound(made.scale * 0.5, 5000)
    deviation = math.sqrt(16 * made.share_variance) / made.scale / 0.5
    assert made.noise_multiplier == pytest.approx(deviation)


@pytest.mark.parametrize("kind", KINDS)
def test_with_bits_to_spare_the_noise_is_nearly_the_central_one(kind):
    # Renyi accounting costs a few per cent against the exact Gaussian, rounding next to nothing.
    central = sigma_of(4.0, 1e-6) * math.sqrt(3)
    assert central < calibrated(kind, 4.0, 0.5, about(bits=22)).noise_multiplier < 1.1 * central


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_bits_cost_noise_and_too_few_are_refused(kind):
    needed = [
        calibrated(kind, 4.0, 0.5, about(bits=bits)).noise_multiplier for bits in (11, 13, 16)
    ]
    assert needed[0] > 1.1 * needed[1] > 1.1 * needed[2] * 0.9
    assert sorted(needed, reverse=True) == needed
    with pytest.raises(ValueError, match=r"bits\(=6\) are too few for sums of 20"):
        calibrated(kind, 4.0, 0.5, about(bits=6))


@pytest.mark.parametrize("kind", KINDS)
def test_colluders_leave_their_noise_to_the_others(kind):
    alone = calibrated(kind, 4.0, 0.5, about(bits=20))
    watched = calibrated(kind, 4.0, 0.5, about(bits=20, honest=8))
    share = math.sqrt(watched.share_variance) / watched.scale
    assert share == pytest.approx(
        math.sqrt(2.0) * math.sqrt(alone.share_variance) / alone.scale, rel=1e-3
    )
    with pytest.raises(ValueError, match="colluders must be fewer"):
        calibrated(kind, 4.0, 0.5, about(honest=0))


def test_an_infinite_epsilon_rounds_without_noise():
    made = calibrated(DistributedSkellam, math.inf, 0.5, about())
    assert (made.noise_multiplier, made.share_variance, made.epsilon) == (0.0, 0.0, math.inf)
    assert made.wraps <= WRAPS


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("bits", "norm", "share"), [(9, 300.0, 30.0), (8, 10.0, 120.0)])
def test_sums_wrap_no_more_often_than_the_bound(kind, bits, norm, share):
    # 400 sums of equal, so that they add up, updates: as the bound's worst case has them.
    size, most, sums = 512, 6, 400
    rng = np.random.default_rng(1)
    wrapped = 0
    for nth in range(sums):
        update = rng.normal(size=size)
        update = (update * norm / np.linalg.norm(update)).astype(np.float32)
        turned = rotation.rotate(update, nth)
        bound = norm_bound(norm, size)
        total = sum(round_within(turned.copy(), bound, rng).astype(np.int64) for _ in range(most))
        total += rng.poisson(most * share / 2, size) - rng.poisson(most * share / 2, size)
        wrapped += bool((np.abs(total) >= 2 ** (bits - 1)).any())
    limit = wrap_probability(kind, share, norm, about(size=size, most=most, bits=bits))
    assert wrapped / sums <= limit
    # Not for being vacuous: with two bits more there is next to none.
    assert wrap_probability(kind, share, norm, about(size=size, most=most, bits=bits + 2)) < 1e-6


@pytest.mark.parametrize(("target", "bits"), [(0.0, 16), (4.0, 0), (4.0, 25)])
def test_a_value_out_of_range_is_named(target, bits):
    with pytest.raises(ValueError, match=r"epsilon\(=0.0\)|bits\("):
        calibrated(DistributedSkellam, target, 0.5, about(bits=bits))
