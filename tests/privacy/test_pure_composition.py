import itertools
import math

import pytest
from dp_accounting.pld import accountant, common
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.privacy import pure_composition


def brute_delta(total, each, count):
    """Randomised response answered `count` times, every sequence of answers by itself."""
    true = math.exp(each) / (1.0 + math.exp(each))
    found = 0.0
    for answers in itertools.product((0, 1), repeat=count):
        lies = sum(answers)
        here = true ** (count - lies) * (1.0 - true) ** lies
        there = true**lies * (1.0 - true) ** (count - lies)
        found += max(here - math.exp(total) * there, 0.0)
    return found


@given(st.floats(0.0, 6.0), st.floats(0.01, 3.0), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_delta_is_that_of_every_sequence_of_answers(total, each, count):
    found = pure_composition.delta_of(total, each, count)
    assert found == pytest.approx(brute_delta(total, each, count), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize(("each", "count", "delta"), [(0.5, 10, 1e-6), (0.1, 500, 1e-6)])
@pytest.mark.parametrize("each_delta", [0.0, 1e-10])
def test_it_is_never_above_the_library_which_steps_by_two_epsilons(each, count, delta, each_delta):
    one = common.DifferentialPrivacyParameters(each, each_delta)
    theirs = accountant.advanced_composition(one, count, delta)
    ours = pure_composition.epsilon_of(each, count, delta, each_delta)
    assert theirs - 2.0 * each < ours <= theirs


def test_without_delta_epsilons_add_up():
    assert pure_composition.epsilon_of(0.5, 40, 0.0) == 20.0
    assert pure_composition.each_of(20.0, 0.0, 40) == 0.5


def test_epsilons_of_hundreds_stay_in_range():
    total = pure_composition.epsilon_of(400.0, 5, 1e-6)
    assert 5 * 400.0 - 1e-3 < total <= 5 * 400.0


@pytest.mark.parametrize("total", [0.1, 1.0, 8.0, 200.0])
@pytest.mark.parametrize("count", [1, 2, 7, 300])
def test_calibration_spends_the_whole_budget_and_no_more(total, count):
    each = pure_composition.each_of(total, 1e-6, count)
    spent = pure_composition.epsilon_of(each, count, 1e-6)
    assert each >= total / count
    assert total * (1.0 - 1e-4) <= spent <= total


def test_more_releases_than_are_summed_up_cost_little_more_and_no_memory():
    summed = pure_composition.epsilon_of(0.01, 20_000, 1e-6)
    bounded = pure_composition.epsilon_of(0.01, 20_001, 1e-6)
    assert summed < bounded < 1.2 * summed
    assert pure_composition.each_of(4.0, 1e-6, 10**9) < 4.0e-5
    assert pure_composition.epsilon_of(0.01, 30_000, 1e-6, each_delta=1e-9) == math.inf


def test_no_epsilon_where_the_rounds_own_deltas_spend_it_all():
    assert pure_composition.epsilon_of(0.5, 10, 1e-6, each_delta=1e-6) == math.inf
    assert pure_composition.epsilon_of(0.0, 10, 1e-6, each_delta=1e-8) == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [((0.0, 1e-6, 1), "epsilon"), ((1.0, 1.0, 1), "delta"), ((1.0, 1e-6, 0), "count")],
)
def test_a_value_out_of_range_is_named(values, message):
    with pytest.raises(ValueError, match=message):
        pure_composition.each_of(*values)
