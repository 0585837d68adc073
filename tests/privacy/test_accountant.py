import math

import dp_accounting
import numpy as np
import pytest
from dp_accounting.pld import PLDAccountant
from dp_accounting.rdp import RdpAccountant

from gboard_sim.privacy import accountant

DELTA = 1e-6
PLD_STEP = 1e-3  # of the privacy loss; the default 1e-4 gives the same to 1e-9 and takes seconds


def by_pld(releases, relation=dp_accounting.NeighboringRelation.ADD_OR_REMOVE_ONE):
    account = PLDAccountant(relation, value_discretization_interval=PLD_STEP)
    for multiplier, count in releases:
        account.compose(dp_accounting.GaussianDpEvent(multiplier), count)
    return account.get_epsilon(DELTA)


@pytest.mark.parametrize("epsilon", [0.5, 1.0, 8.0, 50.0])
@pytest.mark.parametrize("uploads", [1, 4, 30])
def test_the_calibrated_run_has_the_epsilon_asked_by_three_accountants(epsilon, uploads):
    multiplier = accountant.noise_multiplier(epsilon, DELTA, uploads, "zero-out")
    ours = accountant.epsilon([(multiplier, uploads)], DELTA, "zero-out")
    assert ours == pytest.approx(epsilon, rel=1e-7)
    assert ours <= epsilon
    assert by_pld([(multiplier, uploads)]) == pytest.approx(epsilon, rel=1e-6)
    renyi = RdpAccountant().compose(dp_accounting.GaussianDpEvent(multiplier), uploads)
    assert epsilon < renyi.get_epsilon(DELTA) < 1.12 * epsilon


@pytest.mark.parametrize("uploads", [2, 5, 9])
def test_k_releases_are_one_with_noise_divided_by_the_root_of_k(uploads):
    together = accountant.epsilon([(3.0, uploads)], DELTA, "zero-out")
    one = accountant.epsilon([(3.0 / math.sqrt(uploads), 1)], DELTA, "zero-out")
    assert together == pytest.approx(one, rel=1e-12)


def test_k_releases_measured_in_many_dimensions_lose_what_one_does():
    # The privacy loss of k releases is the sum of k Gaussian losses: its tail, drawn, is delta.
    rng = np.random.default_rng(1)
    multiplier, uploads, draws = 2.0, 6, 400_000
    loss = rng.normal(1 / (2 * multiplier**2), 1 / multiplier, (draws, uploads)).sum(axis=1)
    epsilon = accountant.epsilon([(multiplier, uploads)], 0.05, "zero-out")
    delta = np.maximum(0.0, -np.expm1(epsilon - loss))
    assert delta.mean() == pytest.approx(0.05, abs=5 * delta.std() / math.sqrt(draws))


def test_different_noise_composes_as_dp_accounting_composes_it():
    releases = [(2.0, 3), (5.0, 4), (1.5, 1)]
    assert accountant.epsilon(releases, DELTA, "zero-out") == pytest.approx(
        by_pld(releases), rel=1e-6
    )


def test_replacing_a_text_needs_twice_the_noise_of_removing_it():
    removed = accountant.noise_multiplier(8.0, DELTA, 5, "zero-out")
    replaced = accountant.noise_multiplier(8.0, DELTA, 5, "replace-one")
    assert replaced == pytest.approx(2 * removed, rel=1e-9)
    assert accountant.epsilon([(replaced, 5)], DELTA, "replace-one") == pytest.approx(8.0, rel=1e-7)
    replace_one = dp_accounting.NeighboringRelation.REPLACE_ONE
    assert by_pld([(replaced, 5)], replace_one) == pytest.approx(8.0, rel=1e-6)


def test_no_noise_is_an_infinite_epsilon_and_no_payload_a_zero_one():
    assert accountant.epsilon([(0.0, 1)], DELTA, "zero-out") == math.inf
    assert accountant.epsilon([(0.0, 0)], DELTA, "zero-out") == 0.0
    assert accountant.epsilon([], DELTA, "zero-out") == 0.0
    assert accountant.noise_multiplier(math.inf, DELTA, 5, "zero-out") == 0.0


def test_a_cap_below_one_is_refused():
    with pytest.raises(ValueError, match=r"max_uploads\(=0\) must be at least 1"):
        accountant.noise_multiplier(8.0, DELTA, 0, "zero-out")
