import math

import dp_accounting
import mpmath
import numpy as np
import pytest

from gboard_sim.privacy.gaussian_calibration import delta_of, epsilon_of, sigma_of

EPSILONS = (1e-3, 0.1, 1.0, 4.0, 8.0, 50.0, 1000.0, 1e4)
DELTAS = (1e-12, 1e-6, 1e-3, 0.3)


@pytest.mark.parametrize(
    ("epsilon", "sigma"), [(1, 4.23), (2, 2.23), (4, 1.19), (8, 0.653), (16, 0.369), (50, 0.157)]
)
def test_the_noise_at_delta_one_in_a_million_is_the_tabulated_one(epsilon, sigma):
    assert sigma_of(epsilon, 1e-6) == pytest.approx(sigma, rel=4e-3)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("delta", DELTAS)
def test_the_noise_and_the_epsilon_are_those_of_dp_accounting(epsilon, delta):
    sigma = sigma_of(epsilon, delta)
    assert sigma == pytest.approx(dp_accounting.get_sigma_gaussian(epsilon, delta), rel=1e-8)
    assert epsilon_of(sigma, delta) == pytest.approx(epsilon, rel=1e-8)
    assert dp_accounting.get_epsilon_gaussian(sigma, delta) == pytest.approx(epsilon, rel=1e-7)


@pytest.mark.parametrize(("epsilon", "sigma"), [(0.1, 20.0), (1.0, 1.0), (8.0, 0.5), (50.0, 0.16)])
def test_delta_is_the_hockey_stick_divergence_integrated(epsilon, sigma):
    # Sensitivity 1: the integral of max(0, p - e^epsilon q) for p = N(1, sigma^2), q = N(0, .).
    x, step = np.linspace(1 - 40 * sigma, 1 + 40 * sigma, 4_000_001, retstep=True)
    log_p, log_q = -((x - 1) ** 2) / (2 * sigma**2), -(x**2) / (2 * sigma**2)
    above = log_p > epsilon + log_q
    density = np.exp(log_p[above]) * -np.expm1(epsilon + log_q[above] - log_p[above])
    integral = density.sum() * step / (sigma * math.sqrt(2 * math.pi))
    assert delta_of(epsilon, sigma) == pytest.approx(integral, rel=1e-6)


@pytest.mark.parametrize("epsilon", [1e-6, 0.5, 30.0, 3000.0])
def test_delta_is_that_of_fifty_digits(epsilon):
    sigma = sigma_of(epsilon, 1e-8)
    with mpmath.workdps(50):
        mu, e = 1 / mpmath.mpf(sigma), mpmath.mpf(epsilon)
        exact = mpmath.ncdf(mu / 2 - e / mu) - mpmath.exp(e) * mpmath.ncdf(-mu / 2 - e / mu)
    assert delta_of(epsilon, sigma) == pytest.approx(float(exact), rel=1e-7)
    assert float(exact) == pytest.approx(1e-8, rel=1e-6)


def test_the_textbook_rule_asks_for_more_noise_where_it_holds():
    textbook = math.sqrt(2 * math.log(1.25 / 1e-6)) / 0.5
    assert sigma_of(0.5, 1e-6) < textbook


def test_noise_grows_with_the_sensitivity():
    assert sigma_of(8, 1e-6, 2.0) == pytest.approx(2 * sigma_of(8, 1e-6), rel=1e-12)
    assert epsilon_of(2.0, 1e-6, 2.0) == pytest.approx(epsilon_of(1.0, 1e-6), rel=1e-12)


def test_the_ends_of_the_range():
    assert sigma_of(math.inf, 1e-6) == 0.0
    assert epsilon_of(0.0, 1e-6) == math.inf
    assert epsilon_of(1e9, 1e-6) == 0.0  # total variation is below delta
    assert delta_of(100.0, 1e6) == 0.0  # below the smallest float


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (sigma_of, (0.0, 1e-6), r"epsilon\(=0.0\) must be above 0"),
        (sigma_of, (math.nan, 1e-6), r"epsilon\(=nan\)"),
        (sigma_of, (1.0, 0.0), r"delta\(=0.0\) must be above 0 and below 1"),
        (sigma_of, (1.0, 1.0), r"delta\(=1.0\)"),
        (sigma_of, (1.0, 1e-6, 0.0), r"sensitivity\(=0.0\)"),
        (epsilon_of, (-1.0, 1e-6), r"sigma\(=-1.0\)"),
        (epsilon_of, (math.inf, 1e-6), r"sigma\(=inf\)"),
        (delta_of, (-1.0, 1.0), r"epsilon\(=-1.0\)"),
        (delta_of, (1.0, 0.0), r"sigma\(=0.0\)"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
