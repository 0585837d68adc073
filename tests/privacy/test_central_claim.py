import math

import dp_accounting
import pytest
from dp_accounting import pld

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.central_claim import central_claim
from gboard_sim.privacy.claim import Extrapolated
from gboard_sim.privacy.mechanisms.independent import Independent

BOUNDS = Bounds(participations=4, separation=10, versions=100)


def claim(**changes):
    arguments = {
        "noise": Independent(), "bounds": BOUNDS, "delta": 1e-6, "clip": 0.5, "denominator": 50.0,
        "noise_multiplier": 1.5,
    }  # fmt: skip
    return central_claim(**(arguments | changes))


def test_only_the_versions_that_used_a_phone_compose():
    """Against privacy-loss distributions of k Gaussians, by another accountant."""
    accountant = pld.PLDAccountant()
    accountant.compose(dp_accounting.GaussianDpEvent(1.5), 4)
    assert claim().epsilon_policy == pytest.approx(accountant.get_epsilon(1e-6), rel=1e-3)
    more = Bounds(participations=4, separation=10, versions=100_000)
    assert claim(bounds=more).epsilon_policy == claim().epsilon_policy


def test_separation_and_versions_bound_participation_where_nothing_else_does():
    alone = claim(bounds=Bounds(separation=30, versions=100))
    assert alone.epsilon_policy == claim().epsilon_policy


def test_noise_is_calibrated_to_the_whole_run():
    made = claim(noise_multiplier=None, epsilon=3.0)
    assert 0.0 <= 3.0 - made.epsilon_policy < 1e-6
    once = dp_accounting.get_sigma_gaussian(3.0, 1e-6)
    assert made.noise_multiplier == pytest.approx(2.0 * once, rel=1e-6)


def test_a_budget_ends_the_run_with_the_last_version_that_it_pays_for():
    bounds = Bounds(separation=10)
    pays = claim(bounds=Bounds(separation=10, versions=70)).epsilon_policy  # 7 participations
    made = claim(bounds=bounds, epsilon=pays * 1.0001)
    assert made.bounds.versions == 70
    assert made.epsilon_policy <= pays * 1.0001
    assert claim(bounds=Bounds(separation=10, versions=71)).epsilon_policy > pays * 1.0001


def test_a_budget_that_is_not_spent_changes_nothing():
    assert claim(epsilon=1e5).bounds == BOUNDS
    assert claim(bounds=Bounds(participations=4), epsilon=1e5).bounds.versions is None


def test_a_budget_that_the_first_version_spends_is_refused():
    with pytest.raises(ValueError, match=r"epsilon\(=0.5\) is spent by the first version"):
        claim(epsilon=0.5)


def test_nothing_is_claimed_without_a_bound_on_participation():
    with pytest.raises(ValueError, match=r"set protocol\.max_participations or run\.versions"):
        claim(bounds=Bounds(separation=10))


def test_no_noise_is_said_to_promise_nothing():
    for silent in (claim(noise_multiplier=0.0), claim(noise_multiplier=None, epsilon=math.inf)):
        assert silent.epsilon_policy == math.inf
        assert str(silent).startswith("epsilon is infinite: at most 4 versions of 100 use")
        assert "every sum given no noise" in str(silent)


def test_the_sentence_names_bounds_clips_noise_denominator_and_trust():
    assert str(claim()) == (
        f"epsilon {claim().epsilon_policy:.6g} at delta 1e-06 for one phone, all its text, the "
        "whole run, against that text replaced by none (zero-out): at most 4 versions of 100 use "
        "an upload of the phone, any two at least 10 apart, each upload clipped to an L2 norm of "
        "0.5 on the phone and again at the server, every sum given independent Gaussian noise of "
        "1.5 times that and divided by 50; trusted: the server; timing and participation count as "
        "public."
    )


def test_the_noise_of_a_larger_cohort_is_no_claim_for_this_one():
    made = claim(extrapolated=Extrapolated(20_000, 1000, 0.1))
    assert made.epsilon_policy is None
    assert made.epsilon_extrapolated == claim().epsilon_policy
    assert str(made).startswith("no epsilon for this fleet: ")
    assert "extrapolated: population 20000, cohort 1000: epsilon" in str(made)
