import numpy as np
import pytest

from gboard_sim.learning.law.from_bigrams import count_table, fit_classes, frequent_words

BIGRAMS = [
    ("a", "cat", 9),
    ("the", "cat", 8),
    ("cat", "the", 7),
    ("cat", "a", 6),
    ("x", "x", 50),
    ("don't", "don't", 50),
    ("rude", "rude", 50),
    ("dog", "cat", 3),
    ("only", "first", 40),
]


def test_words_are_those_frequent_in_both_places():
    # cat: 13 first, 20 second; the: 8, 7; a: 9, 6; `dog` and `only` are never second.
    assert frequent_words(BIGRAMS, {"rude"}, 9) == ("cat", "the", "a")
    assert frequent_words(BIGRAMS, {"rude"}, 2) == ("cat", "the")


def test_counts_stand_by_first_and_second_word():
    table = count_table(BIGRAMS, ("cat", "the", "a"))
    assert table.tolist() == [[0, 7, 6], [8, 0, 0], [9, 0, 0]]


def test_classes_recover_a_table_of_their_rank():
    rng = np.random.default_rng(4)
    after, inside = rng.dirichlet(np.full(2, 0.3), 12), rng.dirichlet(np.full(12, 0.3), 2)
    table = rng.integers(100, 1000, 12)[:, None] * (after @ inside)
    fitted_after, fitted_inside = fit_classes(table, 2, 2000, seed=1)
    assert fitted_after @ fitted_inside == pytest.approx(after @ inside, abs=1e-3)
    assert fitted_after.sum(axis=1) == pytest.approx(np.ones(12))
    assert fitted_inside.sum(axis=1) == pytest.approx(np.ones(2))


def test_every_pass_of_em_raises_the_likelihood():
    table = np.random.default_rng(5).integers(0, 20, (15, 15)).astype(float)

    def likelihood(passes):
        after, inside = fit_classes(table, 3, passes, seed=1)
        return (table * np.log(after @ inside)).sum()

    climbed = [likelihood(passes) for passes in range(8)]
    assert climbed == sorted(climbed)
    assert climbed[-1] > climbed[0] + 1.0
