"""Statistical tests have fixed seeds; each says how sure it would be to notice a fault."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from gboard_sim.privacy import priv_unit_calibration as calibration
from gboard_sim.privacy.mechanisms.priv_unit import PrivUnit
from gboard_sim.seam.privacy_event import PrivacyEvent


def density(cosine, parameters, size):
    """Of what PrivUnit draws, relative to the even one, at a cosine with the true direction."""
    share = calibration.cap_share(parameters.cap_cosine, size)
    if cosine >= parameters.cap_cosine:
        return (1.0 - parameters.miss_probability) / share
    return parameters.miss_probability / (1.0 - share)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("epsilon", [0.2, 1.0, 4.0, 12.0])
def test_the_likelihood_ratio_is_bounded_by_epsilon_exactly(size, epsilon):
    # In the plane and in space the sphere is gone over point by point, for pairs of directions.
    parameters = calibration.direction(epsilon, size)
    angles = np.linspace(0.0, 2.0 * np.pi, 721)
    if size == 2:
        points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        area = np.arccos(parameters.cap_cosine) / np.pi  # of the circle, by its arc
    else:
        heights = np.linspace(-1.0, 1.0, 101)
        rim = np.sqrt(1.0 - heights**2)
        points = np.stack(
            [np.outer(rim, np.cos(angles[::8])), np.outer(rim, np.sin(angles[::8]))], axis=2
        )
        points = np.concatenate(
            [points, np.broadcast_to(heights[:, None, None], (*points.shape[:2], 1))], axis=2
        ).reshape(-1, 3)
        area = (1.0 - parameters.cap_cosine) / 2.0  # of the sphere, by Archimedes
    assert calibration.cap_share(parameters.cap_cosine, size) == pytest.approx(area, rel=1e-9)
    seen = []
    for turn in (0.3, 1.0, np.pi / 2, np.pi):
        one, other = np.zeros(size), np.zeros(size)
        one[0], other[0], other[1] = 1.0, math.cos(turn), math.sin(turn)
        here = np.array([density(c, parameters, size) for c in points @ one])
        there = np.array([density(c, parameters, size) for c in points @ other])
        seen.append(np.abs(np.log(here / there)).max())
    assert max(seen) <= epsilon * (1.0 + 1e-9)
    assert max(seen) == pytest.approx(epsilon, rel=1e-9)  # the bound is met, so nothing is wasted


@pytest.mark.parametrize("size", [2, 3, 50, 92_000, 1_000_000])
@pytest.mark.parametrize("epsilon", [0.1, 2.0, 50.0, 500.0])
def test_the_odds_give_the_epsilon_back_in_any_dimension(size, epsilon):
    found = calibration.direction(epsilon, size)
    share = calibration.cap_share(found.cap_cosine, size)
    inside = math.log1p(-found.miss_probability) - math.log(share)
    outside = math.log(found.miss_probability) - math.log1p(-share)
    assert inside - outside == pytest.approx(epsilon, rel=1e-9)
    assert 0.0 < found.shrinkage <= 1.0


@pytest.mark.parametrize("size", [3, 10, 200])
def test_the_mean_cosine_is_that_of_its_density(size):
    found = calibration.direction(3.0, size)

    def weighed(cosine):
        even = (1.0 - cosine**2) ** ((size - 3) / 2.0)
        return density(cosine, found, size) * cosine * even

    whole = integrate.quad(lambda t: (1.0 - t**2) ** ((size - 3) / 2.0), -1.0, 1.0)[0]
    mean = integrate.quad(weighed, -1.0, 1.0, points=[found.cap_cosine], epsabs=1e-13)[0] / whole
    assert mean == pytest.approx(found.shrinkage, rel=1e-7)


def test_it_is_better_than_the_papers_own_split_whose_bound_holds():
    # Bhowmick et al. (2018), theorem 1: half of epsilon on p, half on gamma by (16a).
    size, half = 1000, 1.0
    tanh = (math.exp(half) - 1.0) / (math.exp(half) + 1.0)
    gamma = tanh * math.sqrt(math.pi / (2.0 * (size - 1)))
    share = calibration.cap_share(gamma, size)
    inside = math.exp(half) / (1.0 + math.exp(half))
    assert half + math.log((1.0 - share) / share) <= 2.0 * half
    even = stats.beta(size / 2 - 0.5, size / 2 - 0.5)
    above = even.expect(lambda x: 2 * x - 1, lb=(1 + gamma) / 2, ub=1.0)
    theirs = above * (inside / share - (1.0 - inside) / (1.0 - share))
    assert theirs < calibration.direction(2.0 * half, size).shrinkage < 1.5 * theirs


def test_the_norms_likelihood_ratio_is_bounded_and_its_mean_exact():
    # ScalarDP's law is a table: k + 1 levels told of k + 1 levels.
    for epsilon in (0.3, 1.0, 6.0):
        levels = calibration.level_count(epsilon)
        told = np.full((levels + 1, levels + 1), 1.0 / (math.exp(epsilon) + levels))
        np.fill_diagonal(told, math.exp(epsilon) / (math.exp(epsilon) + levels))
        assert told.sum(axis=1) == pytest.approx(1.0)
        assert np.log(told.max(axis=0) / told.min(axis=0)).max() == pytest.approx(epsilon)
        scale = (math.exp(epsilon) + levels) / (math.exp(epsilon) - 1.0) / levels
        middle = levels * (levels + 1) / (2.0 * (math.exp(epsilon) + levels))
        values = scale * (np.arange(levels + 1) - middle)
        assert told @ values == pytest.approx(np.arange(levels + 1) / levels)
        square = calibration.norm_second_moment(1.0, levels, epsilon)
        assert square == pytest.approx((told @ values**2)[-1])


def drawn_norms(mechanism, norm, count):
    """What the mechanism tells of a norm, `count` times."""
    random = np.random.default_rng(5)
    return np.array([mechanism._norm(norm, random) for _ in range(count)])


@pytest.mark.parametrize("norm", [0.0, 0.21, 0.5])
def test_the_told_norm_is_unbiased(norm):
    mechanism = calibration.calibrated(0.5, 6.0, 100, 1)
    told = drawn_norms(mechanism, norm, 40_000)
    # Five standard errors: false alarms below 6e-7; a bias of ten of them passes as rarely.
    assert abs(told.mean() - norm) < 5.0 * told.std() / math.sqrt(40_000)


@pytest.mark.parametrize(("size", "epsilon"), [(2, 1.0), (3, 4.0), (300, 1.0), (300, 60.0)])
def test_the_cosines_follow_their_law(size, epsilon):
    # Kolmogorov and Smirnov with 20,000 draws: a true distance of 2.8% passes with 1e-4 or less.
    mechanism = calibration.calibrated(1.0, epsilon, size, 1)
    random = np.random.default_rng(11)
    drawn = np.array([mechanism._cosine(size, random) for _ in range(20_000)])
    inside = drawn >= mechanism.cap_cosine
    share = calibration.cap_share(mechanism.cap_cosine, size)
    missed = mechanism.miss_probability
    spread = math.sqrt(missed * (1.0 - missed) / 20_000)
    assert abs(1.0 - inside.mean() - missed) <= 5.0 * spread + 1e-12
    even = stats.beta((size - 1) / 2, (size - 1) / 2)
    cap = (even.sf((1.0 + drawn[inside]) / 2.0)) / share
    assert stats.kstest(cap, "uniform").pvalue > 1e-4
    if (~inside).sum() > 1000:
        rest = even.cdf((1.0 + drawn[~inside]) / 2.0) / (1.0 - share)
        assert stats.kstest(rest, "uniform").pvalue > 1e-4


@pytest.mark.parametrize("length", [0.2, 0.5, 3.0])
def test_the_mean_of_many_payloads_is_the_clipped_update(length):
    size, count = 40, 20_000
    update = np.random.default_rng(1).normal(size=size)
    update *= length / np.linalg.norm(update)
    mechanism = calibration.calibrated(0.5, 8.0, size, 7)
    sent = np.array(
        [mechanism.privatize(update.astype(np.float32), 0, nth) for nth in range(count)]
    ).astype(np.float64)
    clipped = update * min(1.0, 0.5 / length)
    # Along any axis the mean has a standard error of its own; a joint bias along the update of
    # 2.5% of its noise to signal would be seven of them.
    along = sent @ clipped / np.linalg.norm(clipped)
    assert abs(along.mean() - np.linalg.norm(clipped)) < 5.0 * along.std() / math.sqrt(count)
    errors = (sent.mean(axis=0) - clipped) / (sent.std(axis=0) / math.sqrt(count))
    assert stats.chi2(size).sf(float((errors**2).sum())) > 1e-4
    if length >= 0.5:
        measured = math.sqrt(((sent - clipped) ** 2).sum(axis=1).mean() / size) / 0.5
        assert measured == pytest.approx(mechanism.noise_multiplier, rel=0.02)


def test_the_update_that_is_zero_is_sent_as_any_other():
    mechanism = calibration.calibrated(0.5, 8.0, 40, 7)
    sent = [mechanism.privatize(np.zeros(40, np.float32), 0, nth) for nth in range(4000)]
    assert np.linalg.norm(np.mean(sent, axis=0)) < 0.5


def test_in_high_dimension_the_noise_grows_with_its_root():
    # What local privacy costs: the error's norm is sqrt(d) times what one coordinate bears.
    small, large = (calibration.calibrated(1.0, 8.0, size, 1) for size in (10_000, 1_000_000))
    ratio = large.noise_multiplier * 1000.0 / (small.noise_multiplier * 100.0)
    assert ratio == pytest.approx(10.0, rel=0.01)


def test_the_same_key_gives_the_same_bits_and_no_other_key_does():
    update = np.ones(50, np.float32)
    mechanism = calibration.calibrated(0.5, 8.0, 50, 7)
    again = calibration.calibrated(0.5, 8.0, 50, 7)
    assert (mechanism.privatize(update, 4, 2) == again.privatize(update, 4, 2)).all()
    for phone, nth in ((4, 1), (2, 4), (3, 2)):
        assert (mechanism.privatize(update, 4, 2) != mechanism.privatize(update, phone, nth)).all()


def test_without_noise_the_update_is_clipped():
    silent = calibration.calibrated(0.5, math.inf, 50, 7)
    assert silent == PrivUnit(0.5, 0.0, 7)
    assert np.linalg.norm(silent.privatize(np.ones(50, np.float32), 0, 0)) <= 0.5 + 1e-7
    assert silent.event(3, 4) == PrivacyEvent("priv_unit", 3, 4, 0.0, 0.5)


def test_a_value_out_of_range_is_named():
    with pytest.raises(ValueError, match="epsilon"):
        calibration.calibrated(1.0, 700.0, 50, 1)
    with pytest.raises(ValueError, match="size"):
        calibration.calibrated(1.0, 1.0, 1, 1)
    with pytest.raises(ValueError, match="NaN or infinity"):
        calibration.calibrated(1.0, 1.0, 2, 1).privatize(np.array([np.nan, 0], np.float32), 0, 0)
