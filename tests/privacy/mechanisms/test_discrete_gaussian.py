import math
from bisect import bisect_right

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
    until = np.append(whole(table), [2**128])
    steps = np.diff(np.concatenate([[0], until])).astype(np.float64) * 2.0**-128
    assert len(steps) == len(numbers)
    assert np.abs(steps - mass).sum() / 2.0 < 1e-12  # as far as float64's own sum can tell
    assert (len(steps) + 1) * 2.0**-128 == discrete_gaussian.distance(variance) < 1e-34
    # What the table leaves out, by Canonne et al. (2020), proposition 25: the tail is no heavier
    # than the Gaussian's.
    cut = -table.first
    assert 2.0 * stats.norm.sf((cut - 1) / math.sqrt(variance)) < 2.0**-128


def whole(table):
    """The bounds of a table as whole numbers below 2^128. Shape [entries - 1]."""
    return np.array(
        [(int(a) << 64) + int(b) for a, b in zip(table.until, table.after, strict=True)], object
    )


class Scripted:
    """A generator that draws what it is told: first all, then words for those that tie."""

    def __init__(self, drawn, more=()):
        self.scripts = [np.array(drawn, dtype=np.uint64), *np.array(more, np.uint64)[:, None]]

    def integers(self, low, high, size, dtype):
        drawn = self.scripts.pop(0)
        assert (low, high, size, dtype) == (0, 2**64, len(drawn), np.uint64)
        return drawn


@pytest.mark.parametrize("variance", VARIANCES)
def test_every_draw_finds_the_number_that_a_plain_search_finds(variance):
    table = discrete_gaussian.table(variance)
    edges = {0, 2**64 - 1}
    for bound in map(int, table.until[:: max(len(table.until) // 50, 1)]):
        edges |= {max(bound - 1, 0), bound, min(bound + 1, 2**64 - 1)}
    edges |= {cell << 48 for cell in range(0, 2**16, 997)}
    edges |= set(map(int, np.random.default_rng(1).integers(0, 2**64, 5000, dtype=np.uint64)))
    drawn = sorted(edges)
    highs = set(map(int, table.until))
    more = [(7919 * word) % 2**64 for word in drawn if word in highs]
    after = iter(more)
    words = [(word << 64) + (next(after) if word in highs else 0) for word in drawn]
    bounds = whole(table)
    found = table.draw(len(drawn), Scripted(drawn, more)) - table.first
    assert found[:60].tolist() == [sum(bound <= word for bound in bounds) for word in words[:60]]
    assert found.tolist() == [bisect_right(bounds, word) for word in words]


def test_a_draw_that_ties_is_decided_by_its_second_word():
    table = discrete_gaussian.table(7.3)
    middle = len(table.until) // 2
    word, after = int(table.until[middle]), int(table.after[middle])
    below, at = (
        table.draw(1, Scripted([word], [second]))[0] - table.first for second in (after - 1, after)
    )
    assert (below, at) == (middle, middle + 1)


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
