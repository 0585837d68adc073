"""Statistical tests have fixed seeds; each says how sure it would be to notice a fault."""

import numpy as np
import pytest
from scipy import stats

from gboard_sim.privacy.mechanisms.local_laplace import LocalLaplace
from gboard_sim.seam.privacy_event import PrivacyEvent

SIZE = 200_000
CLIP, MULTIPLIER = 0.5, 3.0
ZERO = np.zeros(SIZE, np.float32)


def noise(phone, nth, seed=7):
    """The noise of one payload in units of its stated deviation. Shape [SIZE]."""
    mechanism = LocalLaplace(clip=CLIP, noise_multiplier=MULTIPLIER, seed=seed)
    return mechanism.privatize(ZERO, phone, nth).astype(np.float64) / (CLIP * MULTIPLIER)


@pytest.mark.parametrize(("phone", "nth"), [(0, 0), (3, 0), (3, 1), (1999, 12)])
def test_the_deviation_at_each_release_is_the_stated_one_within_two_percent(phone, nth):
    # A Laplace law has kurtosis 6: the deviation of 200,000 draws has a standard error of
    # sqrt(5 / 4 / 200,000) = 0.25%, so that 2% is 8 of them: false alarms are below 1e-14, and a
    # true error of 2.9% passes with probability below 2e-4.
    measured = noise(phone, nth)
    assert measured.std() == pytest.approx(1.0, abs=0.02)
    assert abs(measured.mean()) < 5 / np.sqrt(SIZE)


def test_the_noise_is_laplace():
    # Kolmogorov and Smirnov, as for the Gaussian: a true distance of 0.9% passes with probability
    # below 2e-4; Gaussian noise of that deviation would be 5% away.
    assert stats.kstest(noise(3, 1), "laplace", (0.0, np.sqrt(0.5))).pvalue > 1e-3


@pytest.mark.parametrize("other", [(0, 2), (2, 0), (1, 2), (2, 1), (12, 1), (112, 0)])
def test_no_two_payloads_share_noise(other):
    # Sizes too, not only signs: those of two payloads are independent.
    one, two = noise(1, 1), noise(*other)
    assert abs(np.corrcoef(one, two)[0, 1]) < 5 / np.sqrt(SIZE)
    assert abs(np.corrcoef(np.abs(one), np.abs(two))[0, 1]) < 5 / np.sqrt(SIZE)


def test_the_same_key_gives_the_same_bits_and_another_seed_gives_others():
    assert (noise(4, 2) == noise(4, 2)).all()
    assert abs(np.corrcoef(noise(4, 2), noise(4, 2, seed=8))[0, 1]) < 5 / np.sqrt(SIZE)


def test_an_update_is_clipped_in_l1_before_its_noise():
    update = np.random.default_rng(1).normal(size=SIZE).astype(np.float32)
    mechanism = LocalLaplace(clip=CLIP, noise_multiplier=MULTIPLIER, seed=7)
    signal = mechanism.privatize(update, 4, 2).astype(np.float64) - noise(4, 2) * CLIP * MULTIPLIER
    expected = update * (CLIP / np.abs(update.astype(np.float64)).sum())
    # Two float32 numbers below 32 were rounded, each by less than 2^-20.
    assert np.abs(signal - expected).max() < 2.0**-19


def test_without_noise_every_released_norm_is_at_most_the_clip():
    silent = LocalLaplace(clip=CLIP, noise_multiplier=0.0, seed=7)
    rng = np.random.default_rng(2)
    for scale in 10.0 ** np.arange(-6, 7):
        released = silent.privatize(rng.normal(0, scale, 5000).astype(np.float32), 0, 0)
        assert np.abs(released.astype(np.float64)).sum() <= CLIP


def test_the_likelihood_ratio_of_two_clipped_updates_is_at_most_that_of_their_distance():
    # The densities themselves, at points that the mechanism releases: log p(y | a) - log p(y | b)
    # is (|y - b|_1 - |y - a|_1) / scale, at most 2 C / scale, and C / scale against the empty one.
    mechanism = LocalLaplace(clip=CLIP, noise_multiplier=MULTIPLIER, seed=7)
    scale = MULTIPLIER * CLIP / np.sqrt(2.0)
    one = np.zeros(64)
    one[0], other = CLIP, np.zeros(64)
    other[1] = -CLIP
    worst = {"other": 0.0, "empty": 0.0}
    for nth in range(200):
        released = mechanism.privatize(one.astype(np.float32), 0, nth).astype(np.float64)
        for name, value in (("other", other), ("empty", np.zeros(64))):
            ratio = (np.abs(released - value).sum() - np.abs(released - one).sum()) / scale
            worst[name] = max(worst[name], abs(ratio))
    assert worst["empty"] <= CLIP / scale * (1.0 + 1e-6)
    assert worst["other"] <= 2.0 * CLIP / scale * (1.0 + 1e-6)
    assert worst["empty"] > 0.99 * CLIP / scale  # the bound is met


def test_the_event_says_what_ran():
    mechanism = LocalLaplace(clip=CLIP, noise_multiplier=MULTIPLIER, seed=7)
    assert mechanism.event(5, 40) == PrivacyEvent("local_laplace", 5, 40, MULTIPLIER, CLIP)


def test_an_update_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="NaN or infinity"):
        LocalLaplace(1.0, 1.0, 1).privatize(np.array([np.nan], np.float32), 0, 0)


@pytest.mark.parametrize(
    ("clip", "multiplier", "message"),
    [(0.0, 1.0, r"clip\(=0.0\)"), (1.0, -1.0, r"noise_multiplier\(=-1.0\)")],
)
def test_a_value_out_of_range_is_named(clip, multiplier, message):
    with pytest.raises(ValueError, match=message):
        LocalLaplace(clip=clip, noise_multiplier=multiplier, seed=1)
