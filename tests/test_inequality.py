"""The Lorenz curve and what is read off it, against closed forms and one phone at a time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim import inequality


def curve(work):
    """The curve of phones that each did some work."""
    values, phones = np.unique(np.array(work), return_counts=True)
    return inequality.lorenz(values, phones)


def test_equal_shares_are_the_diagonal():
    same = inequality.lorenz(np.array([7]), np.array([1000]))
    assert inequality.gini(same) == 0.0
    assert inequality.top_share(same) == pytest.approx(0.3)


@pytest.mark.parametrize("n", [1, 2, 5, 1_000_000])
def test_one_phone_that_does_it_all(n):
    alone = inequality.lorenz(np.array([0, 12]), np.array([n - 1, 1]))
    assert inequality.gini(alone) == pytest.approx((n - 1) / n)
    assert inequality.top_share(alone) == pytest.approx(min(1.0, 0.3 * n))


def test_work_in_proportion_to_rank():
    """Phones that do 1, 2, ..., n: Gini (n - 1) / 3n, and the top tenth of ten does 10 of 55."""
    n = 10
    ranked = curve(range(1, n + 1))
    assert inequality.gini(ranked) == pytest.approx((n - 1) / (3 * n))
    assert inequality.top_share(ranked, 0.1) == pytest.approx(10 / 55)
    assert inequality.top_share(ranked) == pytest.approx((10 + 9 + 8) / 55)


def test_no_work_has_no_gini():
    nothing = inequality.lorenz(np.array([0]), np.array([4]))
    assert np.isnan(inequality.gini(nothing))
    assert np.isnan(inequality.top_share(nothing))


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40).filter(any))
def test_gini_is_half_the_relative_mean_difference(work):
    """The definition over pairs of phones, and the top share counted phone by phone."""
    found = curve(work)
    n, total = len(work), sum(work)
    pairs = sum(abs(a - b) for a in work for b in work)
    assert inequality.gini(found) == pytest.approx(pairs / (2 * n * total), abs=1e-12)
    for k in range(n + 1):
        busiest = sum(sorted(work, reverse=True)[:k])
        assert inequality.top_share(found, k / n) == pytest.approx(busiest / total, abs=1e-9)
