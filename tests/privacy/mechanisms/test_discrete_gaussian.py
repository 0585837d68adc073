import math

import numpy as np
import pytest
from scipy import stats

from gboard_sim.privacy.mechanisms import discrete_gaussian

VARIANCES = [0.05, 0.25, 1.0, 7.3, 400.0, 1e6]


def law(variance, reach):
    """Probabilities of -reach .. reach, straight from the definition."""
    numbers = np.arange(-reach, reach + 1)
    mass = np.exp(-(numbers**2) / (2.0 * variance))
    return numbers, mass / mass.sum()


@pytest.mark.parametrize("variance", VARIANCES)
def test_the_table_is_the_definition_and_says_how_far_it_is_from_it(variance):
    table = discrete_gaussian.table(variance)
    numbers, mass = law(variance, -table.first)
    until = np.append(table.until, 0).astype(object)
    until[-1] = 2**64
    steps = np.diff(np.concatenate([[0], until])).astype(np.float64) * 2.0**-64
    assert len(steps) == len(numbers)
    assert np.abs(steps - mass).sum() / 2.0 < 1e-12  # as far as float64's own sum can tell
    assert table.distance < 2e-15
    # What the table leaves out, by Canonne et al. (2020), proposition 25: the tail is no heavier
    # than the Gaussian's.
    cut = -table.first
    assert 2.0 * stats.norm.sf((cut - 1) / math.sqrt(variance)) < 2.0**-64


class Scripted:
    """A generator that draws what it is told."""

    def __init__(self, drawn):
        self.drawn = np.array(drawn, dtype=np.uint64)

    def integers(self, low, high, size, dtype):
        assert (low, high, size, dtype) == (0, 2**64, len(self.drawn), np.uint64)
        return self.drawn


@pytest.mark.parametrize("variance", VARIANCES)
def test_every_draw_finds_the_number_that_a_plain_search_finds(variance):
    table = discrete_gaussian.table(variance)
    edges = {0, 2**64 - 1}
    for bound in map(int, table.until[:: max(len(table.until) // 50, 1)]):
        edges |= {max(bound - 1, 0), bound, min(bound + 1, 2**64 - 1)}
    edges |= {cell << 48 for cell in range(0, 2**16, 997)}
    edges |= set(map(int, np.random.default_rng(1).integers(0, 2**64, 5000, dtype=np.uint64)))
    drawn = sorted(edges)
    plain = [sum(int(b) <= word for b in table.until) for word in drawn[:60]]
    found = table.draw(len(drawn), Scripted(drawn)) - table.first
    assert found[:60].tolist() == plain
    assert (found == np.searchsorted(table.until, np.array(drawn, np.uint64), "right")).all()


@pytest.mark.parametrize("variance", [0.25, 7.3])
def test_draws_follow_the_law(variance):
    # Chi-square over a million draws: a law that is off by 0.3% in total variation has a
    # noncentrality of 36 or more and passes with probability below 1%.
    drawn = discrete_gaussian.table(variance).draw(1_000_000, np.random.default_rng(3))
    _, mass = law(variance, 60)
    seen = np.bincount(drawn + 60, minlength=121)
    kept = mass * 1e6 > 20.0
    expected = np.append(mass[kept], mass[~kept].sum()) * 1e6
    observed = np.append(seen[kept], seen[~kept].sum())
    some = expected > 1.0
    assert observed[~some].sum() < 20
    assert (
        stats.chisquare(
            observed[some], expected[some] * observed[some].sum() / expected[some].sum()
        ).pvalue
        > 1e-3
    )


@pytest.mark.parametrize("variance", [0.0, -1.0, math.nan, 2.0**33])
def test_a_variance_out_of_range_is_refused(variance):
    with pytest.raises(ValueError, match="variance"):
        discrete_gaussian.table(variance)
