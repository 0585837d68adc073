"""Statistical tests have fixed seeds; each says how sure it would be to notice a fault."""

import numpy as np
import pytest
from scipy import stats

from gboard_sim.privacy.mechanisms.local_gaussian import LocalGaussian
from gboard_sim.seam.privacy_event import PrivacyEvent

SIZE = 200_000
CLIP, MULTIPLIER = 0.5, 3.0
ZERO = np.zeros(SIZE, np.float32)


def noise(phone, nth, seed=7):
    """The noise of one payload in units of its stated deviation. Shape [SIZE]."""
    mechanism = LocalGaussian(clip=CLIP, noise_multiplier=MULTIPLIER, seed=seed)
    return mechanism.privatize(ZERO, phone, nth).astype(np.float64) / (CLIP * MULTIPLIER)


@pytest.mark.parametrize(("phone", "nth"), [(0, 0), (3, 0), (3, 1), (1999, 12)])
def test_the_deviation_at_each_release_is_the_stated_one_within_two_percent(phone, nth):
    # The measured deviation of 200,000 draws has a standard error of 0.158%, so that 2% is 12.6 of
    # them: false alarms are below 1e-35, and a true error of 2.6% passes with probability 1e-4.
    measured = noise(phone, nth)
    assert measured.std() == pytest.approx(1.0, abs=0.02)
    assert abs(measured.mean()) < 5 / np.sqrt(SIZE)


def test_the_noise_is_gaussian():
    # Kolmogorov and Smirnov: at this level and size the two laws may be 0.44% apart. A true
    # distance of 0.9% passes with probability below 2e-4; uniform noise would be 5.7% away.
    assert stats.kstest(noise(3, 1), "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    "other", [(0, 2), (2, 0), (1, 2), (2, 1), (12, 1), (1, 12), (11, 2), (2, 11), (112, 0)]
)
def test_no_two_payloads_share_noise(other):
    # The correlation of independent vectors has standard error 1/sqrt(200,000) = 0.22%; one of
    # 2.1% (noise of which 2.1% of the variance is shared) passes with probability below 1e-5.
    correlation = np.corrcoef(noise(1, 1), noise(*other))[0, 1]
    assert abs(correlation) < 5 / np.sqrt(SIZE)


def test_coordinates_do_not_share_noise():
    one = noise(1, 1)
    for lag in (1, 2, 64, 4096):
        assert abs(np.corrcoef(one[:-lag], one[lag:])[0, 1]) < 5 / np.sqrt(SIZE - lag)


def test_the_same_key_gives_the_same_bits_and_another_seed_gives_others():
    assert (noise(4, 2) == noise(4, 2)).all()
    assert abs(np.corrcoef(noise(4, 2), noise(4, 2, seed=8))[0, 1]) < 5 / np.sqrt(SIZE)


def test_an_update_is_clipped_before_its_noise():
    update = np.random.default_rng(1).normal(size=SIZE).astype(np.float32)
    mechanism = LocalGaussian(clip=CLIP, noise_multiplier=MULTIPLIER, seed=7)
    signal = mechanism.privatize(update, 4, 2).astype(np.float64) - noise(4, 2) * CLIP * MULTIPLIER
    # Two float32 numbers of size sigma |z| < 10 were rounded, each by less than 2^-21.
    expected = update * (CLIP / np.linalg.norm(update.astype(np.float64)))
    assert np.abs(signal - expected).max() < 2.0**-20


def test_the_noise_is_not_scaled_to_the_update():
    small = LocalGaussian(clip=CLIP, noise_multiplier=MULTIPLIER, seed=7)
    update = np.full(SIZE, 1e-9, np.float32)
    assert small.privatize(update, 4, 2) / (CLIP * MULTIPLIER) == pytest.approx(
        noise(4, 2), abs=1e-6
    )


def test_without_noise_every_released_norm_is_at_most_the_clip():
    silent = LocalGaussian(clip=CLIP, noise_multiplier=0.0, seed=7)
    rng = np.random.default_rng(2)
    for scale in 10.0 ** np.arange(-6, 7):
        released = silent.privatize(rng.normal(0, scale, 5000).astype(np.float32), 0, 0)
        assert np.linalg.norm(released.astype(np.float64)) <= CLIP


def test_the_event_says_what_ran():
    mechanism = LocalGaussian(clip=CLIP, noise_multiplier=MULTIPLIER, seed=7)
    assert mechanism.event(5, 40) == PrivacyEvent("local_gaussian", 5, 40, MULTIPLIER, CLIP)


def test_an_update_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        LocalGaussian(1.0, 1.0, 1).privatize(np.array([np.nan], np.float32), 0, 0)


@pytest.mark.parametrize(
    ("clip", "multiplier", "message"),
    [
        (0.0, 1.0, r"clip\(=0.0\)"),
        (np.inf, 1.0, r"clip\(=inf\)"),
        (1.0, -1.0, r"noise_multiplier\(=-1.0\)"),
        (1.0, np.nan, r"noise_multiplier\(=nan\)"),
    ],
)
def test_a_value_out_of_range_is_named(clip, multiplier, message):
    with pytest.raises(ValueError, match=message):
        LocalGaussian(clip=clip, noise_multiplier=multiplier, seed=1)
