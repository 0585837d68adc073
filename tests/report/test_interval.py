import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gboard_sim.report.interval import LEVEL, interval, t_quantile


@given(st.floats(0.501, 0.9995), st.integers(1, 200))
def test_the_quantile_is_students(p, degrees):
    assert t_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-9)


@pytest.mark.parametrize("p", [0.6, 0.9, 0.975, 0.995])
def test_the_quantile_has_its_closed_forms(p):
    # Cauchy's distribution, and that of two degrees.
    assert t_quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)), rel=1e-12)
    u = 2 * p - 1
    assert t_quantile(p, 2) == pytest.approx(u * math.sqrt(2 / (1 - u * u)), rel=1e-12)


def test_the_interval_covers_a_normal_mean_as_often_as_it_says():
    # 4,000 draws: the standard error of the share is 0.0034.
    values = np.random.default_rng(5).normal(3.0, 2.0, size=(4000, 4))
    found = [interval(list(row)) for row in values]
    covered = np.mean([one.low <= 3.0 <= one.high for one in found])
    assert abs(covered - LEVEL) < 4 * math.sqrt(LEVEL * (1 - LEVEL) / 4000)


def test_one_and_two_repeats_are_bounded_by_what_there_is():
    assert interval([2.0]) == interval([2.0])
    alone, pair = interval([2.0]), interval([5.0, 2.0])
    assert (alone.mean, alone.low, alone.high, alone.repeats) == (2.0, 2.0, 2.0, 1)
    assert (pair.mean, pair.low, pair.high, pair.repeats) == (3.5, 2.0, 5.0, 2)
