import math

import numpy as np
import pytest
from scipy.stats import binom

from gboard_sim.privacy import pure_composition, shuffling


def clones_delta(total, local, reports):
    """Delta of the pair of laws to which the clones reduce a shuffled round, summed up exactly.

    Feldman et al. (2021), theorem 3.2: with C ~ Bin(n - 1, e^-local), A ~ Bin(C, 1/2) and
    D ~ Bernoulli(e^local / (e^local + 1)), (A + D, C - A + 1 - D) against (A + 1 - D, C - A + D).
    """
    share = math.exp(local) / (math.exp(local) + 1.0)
    clones = np.arange(reports)
    weight = binom.pmf(clones, reports - 1, math.exp(-local))
    found = 0.0
    for count, mass in zip(clones[weight > 1e-14], weight[weight > 1e-14], strict=True):
        ones = np.arange(count + 2)  # of the count + 1 that are like either
        before, after = binom.pmf(ones, count, 0.5), binom.pmf(ones - 1, count, 0.5)
        here = (1.0 - share) * before + share * after
        there = share * before + (1.0 - share) * after
        found += mass * np.maximum(here - math.exp(total) * there, 0.0).sum()
    return found


@pytest.mark.parametrize(("local", "reports"), [(0.5, 2000), (1.0, 1000), (2.0, 4000)])
def test_the_closed_form_bounds_the_clones_exact_law(local, reports):
    delta = 1e-4
    total = shuffling.amplified(local, reports, delta)
    assert total < local
    assert clones_delta(total, local, reports) <= delta
    # The bound is loose by a constant, not by an order: an eighth of it does not hold.
    assert clones_delta(total / 8.0, local, reports) > delta


def test_too_few_reports_are_not_amplified():
    assert shuffling.amplified(4.0, 100, 1e-6) == 4.0
    assert shuffling.amplified(0.5, 1, 1e-6) == 0.5
    assert shuffling.epsilon_of(2.0, 3, 50, 0.0) == 6.0


def test_one_round_by_hand():
    # e = 1, n = 10^4, delta = 10^-6: (e - 1)/(e + 1) (8 sqrt(e ln(4 10^6) / 10^4) + 8 e / 10^4)
    by_hand = math.log(
        1.0 + 0.46211716 * (8.0 * math.sqrt(2.7182818 * 15.2018) / 100.0 + 0.0021746)
    )
    assert shuffling.amplified(1.0, 10_000, 1e-6) == pytest.approx(by_hand, rel=1e-6)


@pytest.mark.parametrize("reports", [100, 10_000, 1_000_000])
@pytest.mark.parametrize("total", [0.5, 4.0])
def test_calibration_keeps_the_budget_and_gains_by_the_crowd(reports, total):
    local = shuffling.local_of(total, 1e-6, 4, reports)
    assert local >= pure_composition.each_of(total, 1e-6, 4)
    assert shuffling.epsilon_of(local, 4, reports, 1e-6) <= total
    if reports == 1_000_000:
        assert local > 3.0 * total / 4


def test_without_a_target_there_is_none_for_the_rounds():
    assert shuffling.local_of(math.inf, 1e-6, 4, 1000) == math.inf
