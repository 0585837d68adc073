import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.privacy.mechanisms.integer_rounding import norm_bound, round_within


def test_the_bound_by_hand():
    # c = 3, d = 4: c^2 + d/4 + sqrt(2 ln 1/beta) (c + sqrt d / 2) = 9 + 1 + 4 = 14.
    assert norm_bound(3.0, 4) == pytest.approx(math.sqrt(14.0))
    for norm in (0.0, 1e-3, 0.7, 40.0):
        assert all(norm_bound(norm, size) <= norm + math.sqrt(size) for size in (1, 2, 90, 10**6))


@given(st.floats(0.01, 1e4), st.integers(1, 300), st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_every_rounded_vector_is_whole_near_and_within_the_bound(norm, size, seed):
    random = np.random.default_rng(seed)
    vector = random.normal(size=size)
    vector = (vector * norm / np.linalg.norm(vector)).astype(np.float32)
    bound = norm_bound(norm * (1.0 + 1e-6), size)
    rounded = round_within(vector.copy(), bound, random)
    assert (rounded == np.round(rounded)).all()
    assert (np.abs(rounded - vector) < 1.0).all()
    assert np.sum(rounded.astype(np.float64) ** 2) <= bound**2


def test_the_mean_is_the_vector_and_the_variance_that_of_its_fractions():
    random = np.random.default_rng(2)
    vector = np.linspace(-3.0, 3.0, 500, dtype=np.float32)
    bound = norm_bound(float(np.linalg.norm(vector)), 500)
    drawn = np.array([round_within(vector.copy(), bound, random) for _ in range(4000)])
    fraction = vector - np.floor(vector)
    # 500 means, each with a standard error of at most 0.5 / sqrt(4000); five of them.
    assert np.abs(drawn.mean(axis=0) - vector).max() < 5.0 * 0.5 / math.sqrt(4000)
    assert drawn.var(axis=0).sum() == pytest.approx((fraction * (1.0 - fraction)).sum(), rel=0.01)


def test_a_bound_that_no_rounding_keeps_is_refused():
    with pytest.raises(ValueError, match="too narrow"):
        round_within(np.full(50, 2.5, np.float32), 3.0, np.random.default_rng(1))
