"""Statistical tests have fixed seeds; each says how sure it would be to notice a fault."""

import math

import numpy as np
import pytest
from scipy import stats

from gboard_sim import rotation
from gboard_sim.privacy.mechanisms.distributed import (
    DistributedDiscreteGaussian,
    DistributedSkellam,
)
from gboard_sim.privacy.mechanisms.integer_rounding import norm_bound
from gboard_sim.seam.privacy_protocols import Summed

KINDS = [DistributedSkellam, DistributedDiscreteGaussian]
SIZE = 200_000


def mechanism(kind=DistributedSkellam, **changes):
    values = {
        "clip": 0.5, "noise_multiplier": 1.0, "seed": 7, "bits": 16, "scale": 900.0,
        "share_variance": 40.0,
    }  # fmt: skip
    return kind(**(values | changes))


def clipped(made, update):
    """The update as its phone clips it."""
    return made.bound({}).on_phone(update)[0]


def summed(made, updates, version=3):
    """The sum of shares modulo 2^bits, as the server sees it. Shape [P]."""
    shares = [made.share(clipped(made, u), phone, 0, version) for phone, u in updates]
    return np.sum(shares, axis=0, dtype=np.int64) % 2**made.bits


def law_of_sum(kind, share, count):
    """The exact law of the noise of `count` shares. Shapes [2 k + 1]."""
    reach = int(14.0 * math.sqrt(share * count)) + 10
    numbers = np.arange(-reach, reach + 1)
    if kind is DistributedSkellam:
        return numbers, stats.skellam.pmf(numbers, share * count / 2.0, share * count / 2.0)
    one = np.exp(-(numbers**2) / (2.0 * share))
    total = one / one.sum()
    for _ in range(count - 1):
        total = np.convolve(total, one / one.sum())[reach:-reach]
    return numbers, total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("share", "count"), [(0.7, 3), (40.0, 5)])
def test_the_released_noise_has_exactly_its_law_in_whole_numbers(kind, share, count):
    # Nobody says anything, so the sum is noise alone. Chi-square over 200,000 numbers: a law that
    # is 1% off in total variation has a noncentrality of 80 and passes with probability < 1e-4.
    made = mechanism(kind, share_variance=share)
    nothing = np.zeros(SIZE, np.float32)
    total = summed(made, [(phone, nothing) for phone in range(count)])
    half = 2 ** (made.bits - 1)
    signed = (total + half) % 2**made.bits - half
    numbers, law = law_of_sum(kind, share, count)
    seen = np.bincount(signed - numbers[0], minlength=len(numbers))
    common = law * SIZE > 10.0
    observed = np.append(seen[common], seen[~common].sum())
    expected = np.append(law[common], law[~common].sum()) * SIZE
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("scale", "share"), [(900.0, 40.0), (400.0, 0.3)])
def test_after_decoding_the_deviation_is_the_predicted_one_within_two_percent(kind, scale, share):
    # Over 200,000 numbers the deviation has a standard error of 0.16%: 2% is twelve of them.
    made = mechanism(kind, scale=scale, share_variance=share)
    rng = np.random.default_rng(1)
    updates = [(phone, rng.normal(size=SIZE).astype(np.float32)) for phone in range(6)]
    short = [clipped(made, update) for _, update in updates]
    error = made.opened(summed(made, updates), 3) - np.sum(short, axis=0, dtype=np.float64)
    rounding = 0.0
    for update in short:
        turned = rotation.rotate(update, made._rotation(3)).astype(np.float64) * scale
        fraction = turned - np.floor(turned)
        rounding += float((fraction * (1.0 - fraction)).mean())
    numbers, law = law_of_sum(kind, share, 6)
    variance = float((law * numbers**2).sum()) + rounding
    assert error.std() == pytest.approx(math.sqrt(variance) / scale, rel=0.02)
    assert abs(error.mean()) < 5.0 * error.std() / math.sqrt(SIZE)
    if share == 0.3:
        assert rounding > 0.2  # so that the test is about rounding, too


@pytest.mark.parametrize("kind", KINDS)
def test_norms_are_never_above_the_clip_before_or_the_bound_after_rounding(kind):
    made = mechanism(kind, share_variance=0.0)
    rng = np.random.default_rng(2)
    bound = norm_bound(made.scale * made.clip, 3000)
    for scale in 10.0 ** np.arange(-4, 5):
        short = clipped(made, rng.normal(0, scale, 3000).astype(np.float32))
        assert np.linalg.norm(short.astype(np.float64)) <= made.clip
        whole = made.share(short, 0, 0, 1).astype(np.int64)
        signed = (whole + 2**15) % 2**16 - 2**15
        assert np.linalg.norm(signed) <= bound


@pytest.mark.parametrize("kind", KINDS)
def test_shares_fill_the_ring_and_no_two_are_alike(kind):
    made = mechanism(kind)
    nothing = np.zeros(20_000, np.float32)
    first = made.share(nothing, 1, 1, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() < 2**16
    assert (first == np.round(first)).all()
    assert (made.share(nothing, 1, 1, 3) == first).all()
    for phone, nth, seed in ((1, 2, 7), (2, 1, 7), (12, 1, 7), (1, 1, 8)):
        other = mechanism(kind, seed=seed).share(nothing, phone, nth, 3)
        centred = [(values + 2**15) % 2**16 for values in (first, other)]
        assert abs(np.corrcoef(*centred)[0, 1]) < 5.0 / math.sqrt(20_000)


def test_phones_of_one_cohort_share_a_rotation_and_cohorts_do_not():
    made = mechanism(share_variance=0.0, scale=30_000.0)
    update = np.random.default_rng(4).normal(size=500).astype(np.float32)
    short = clipped(made, update)
    here, there = (made.share(short, 0, 0, version).astype(np.int64) for version in (3, 4))
    assert made.opened(here, 3) == pytest.approx(short, abs=3e-4)
    assert np.abs(made.opened(here, 4) - short).max() > 0.01
    assert np.abs(made.opened(there, 4) - short).max() < 3e-4


@pytest.mark.parametrize("kind", KINDS)
def test_a_release_is_the_mean_of_those_who_are_there_and_the_event_says_what_ran(kind):
    made = mechanism(kind)
    updates = [(phone, np.full(400, 0.01, np.float32)) for phone in range(5)]
    # As the workers add them up: float64, and not yet modulo anything.
    shares = [made.share(clipped(made, u), phone, 0, 3) for phone, u in updates]
    total = np.sum(shares, axis=0, dtype=np.float64)
    released = made.release({}, Summed(version=3, total=total, uploads=5, within=5))
    assert (released.mean == made.opened(summed(made, updates), 3) / 5).all()
    event = released.event
    assert (event.mechanism, event.version, event.releases) == (made.name, 3, 1)
    assert event.deviation == pytest.approx(math.sqrt(5 * 40.0) / 900.0)
    assert released.mean.std() == pytest.approx(event.deviation / 5, rel=0.15)


def test_a_share_of_another_shape_is_no_share():
    with pytest.raises(ValueError, match=r"shape \(3,\); wanted: \(4,\)"):
        mechanism().bound({}).on_server(np.zeros(3, np.float32), 4)
