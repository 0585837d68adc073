import math

import numpy as np
import pytest
from dp_accounting.rdp import rdp_privacy_accountant as rdp
from scipy import stats

from gboard_sim.privacy import distributed_accounting as accounting
from gboard_sim.privacy.gaussian_calibration import epsilon_of
from gboard_sim.privacy.mechanisms import discrete_gaussian as sampler

ORDERS = np.array([2.0, 3.0, 8.0, 20.0])


def divergence(log_law, shift, order):
    """Renyi divergence of a law and the same law moved by whole numbers, summed up. [2 k + 1]"""
    here, there = log_law[shift:], log_law[: len(log_law) - shift]
    return float(np.logaddexp.reduce(order * here + (1.0 - order) * there)) / (order - 1.0)


@pytest.mark.parametrize("variance", [3.0, 30.0, 1000.0])
@pytest.mark.parametrize("shift", [1, 3])
def test_skellams_bound_holds_and_is_near_its_exact_divergence(variance, shift):
    reach = int(40.0 * math.sqrt(variance)) + 40
    numbers = np.arange(-reach, reach + 1)
    # The far tails of scipy's law underflow: where they do, their part of the sum is nothing.
    with np.errstate(divide="ignore"):
        log_law = stats.skellam.logpmf(numbers, variance / 2.0, variance / 2.0)
    log_law = log_law[np.isfinite(log_law) & (log_law > -600.0)]
    bound = accounting.skellam(ORDERS, variance=variance, norm=float(shift), size=1)
    exact = np.array([divergence(log_law, shift, order) for order in ORDERS])
    near = ORDERS * shift**2 < variance  # elsewhere orders are too high to be any use
    assert (exact <= bound * (1.0 + 1e-9)).all()
    assert (bound[near] < 2.6 * exact[near]).all()
    if variance == 1000.0:
        assert (bound < 1.01 * exact).all()


@pytest.mark.parametrize(("share", "shares"), [(0.6, 2), (0.6, 5), (1.0, 8), (4.0, 20)])
def test_the_discrete_gaussians_bound_holds_for_the_exact_law_of_the_sum(share, shares):
    reach = int(14.0 * math.sqrt(share)) + 3
    one = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2.0 * share))
    one /= one.sum()
    total = one
    for _ in range(shares - 1):
        total = np.convolve(total, one)
    log_law = np.log(total[total > 1e-280])
    orders = ORDERS[: np.searchsorted(ORDERS, shares * share * 4)]
    bound = accounting.discrete_gaussian(
        orders, variance=share * shares, norm=1.0, size=1, shares=shares
    )
    exact = np.array([divergence(log_law, 1, order) for order in orders])
    assert (exact <= bound * (1.0 + 1e-9)).all()
    if share >= 4.0:
        assert bound == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("noise", ["distributed_skellam", "distributed_discrete_gaussian"])
def test_much_noise_is_accounted_as_gaussian_noise_is(noise):
    deviation, sums = 1e5, 3
    found = accounting.epsilon(
        noise, variance=deviation**2, norm=deviation, size=100, shares=10, sums=sums, delta=1e-6
    )
    gaussian = rdp.compute_epsilon(accounting.ORDERS, sums * accounting.ORDERS / 2.0, 1e-6)[0]
    assert found == pytest.approx(gaussian, rel=1e-3)
    assert found > epsilon_of(1.0 / math.sqrt(sums), 1e-6)  # which is exact, where Renyi is not


def test_dimension_costs_the_discrete_gaussian_where_shares_are_narrow():
    wide = accounting.discrete_gaussian(ORDERS, variance=40.0, norm=2.0, size=10, shares=10)
    narrow = accounting.discrete_gaussian(ORDERS, variance=4.0, norm=2.0, size=10**6, shares=10)
    assert wide == pytest.approx(ORDERS * 4.0 / 80.0, rel=1e-6)
    assert (narrow > 10.0 * ORDERS * 4.0 / 8.0).all()


@pytest.mark.parametrize("noise", ["distributed_skellam", "distributed_discrete_gaussian"])
def test_no_noise_hides_nothing_and_no_sum_reveals_nothing(noise):
    about = {"norm": 3.0, "size": 10, "shares": 4, "delta": 1e-6}
    assert accounting.epsilon(noise, variance=0.0, sums=2, **about) == math.inf
    assert accounting.epsilon(noise, variance=9.0, sums=0, **about) == 0.0


@pytest.mark.parametrize("distance", [1e-12, 1e-9])
def test_an_inexact_sampler_is_paid_out_of_delta(distance):
    def epsilon_of(delta):
        return math.log(1.0 / delta) - 9.0  # any law whose epsilon falls with delta

    found = accounting._with_distance(epsilon_of, 1e-5, distance)
    assert found == pytest.approx(epsilon_of(1e-5 - (1.0 + math.exp(found)) * distance), rel=1e-12)
    assert found > epsilon_of(1e-5)


def test_a_sampler_too_far_off_promises_nothing():
    assert accounting._with_distance(lambda _: 20.0, 1e-6, 1e-12) == math.inf
    assert accounting._with_distance(lambda _: 1e6, 1e-6, 1e-300) == math.inf


def test_the_tables_distance_is_a_billionth_of_delta_where_epsilon_is_of_use():
    # A model of ten million numbers, a thousand shares, a hundred sums, wide noise.
    distance = 100 * 1000 * 1e7 * sampler.distance(1000.0**2)
    assert (1.0 + math.exp(8.0)) * distance < 1e-9 * 1e-9
    about = {"variance": 1e6, "size": 10**7, "shares": 1, "sums": 1, "delta": 1e-9}
    discrete = accounting.epsilon("distributed_discrete_gaussian", norm=1000.0, **about)
    bound = accounting.discrete_gaussian(
        accounting.ORDERS, variance=1e6, norm=1000.0, size=10**7, shares=1
    )
    assert discrete == rdp.compute_epsilon(accounting.ORDERS, bound, 1e-9)[0]
    assert math.isinf(accounting.epsilon("distributed_discrete_gaussian", norm=30_000.0, **about))
