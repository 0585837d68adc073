import numpy as np
import pytest

from gboard_sim.learning.baselines.kneser_ney import KneserNey
from gboard_sim.learning.baselines.kneser_ney_tuning import cross_entropy, gathered, tune
from gboard_sim.learning.baselines.ngram_counts import Symbols, levels


def chain(messages, seed):
    """Text in which every word depends on the two before it."""
    rng = np.random.default_rng(seed)
    text = np.zeros((messages, 8), dtype=np.int32)
    for place in range(8):
        before = text[:, place - 1] + 3 * text[:, place - 2] if place > 1 else 0
        usual = (before * 7 + 1) % 23
        text[:, place] = np.where(rng.random(messages) < 0.7, usual, rng.integers(0, 23, messages))
    return text.ravel(), np.arange(messages + 1) * 8


KNOWN = np.arange(23) != 5


def test_cross_entropy_of_the_search_is_that_of_the_model():
    training, validation = chain(60, 0), chain(20, 1)
    discounts = np.array([[0.3, 0.8, 1.1], [0.6, 1.2, 1.9], [0.9, 1.0, 2.5]])
    counted = levels(Symbols.of(KNOWN), *training, 3)
    searched = cross_entropy(
        gathered(Symbols.of(KNOWN), counted, *validation), int(KNOWN.sum()) + 1, discounts
    )
    model = KneserNey.fit(*training, KNOWN, 3, discounts)
    assert searched == pytest.approx(-model.log_probability(*validation).mean(), rel=1e-12)


def test_tuning_finds_the_order_of_the_text_and_beats_the_closed_form():
    training, validation = chain(400, 0), chain(150, 1)
    tuned = tune(training, validation, KNOWN)
    estimated = KneserNey.fit(*training, KNOWN, tuned.order)
    assert tuned.order == 3
    assert tuned.log_probability(*validation).mean() > estimated.log_probability(*validation).mean()
    assert ((tuned.discounts > 0) & (tuned.discounts <= [1, 2, 3])).all()


def test_orders_too_long_for_the_text_are_passed_over():
    words, offsets = np.array([0, 1, 2, 0], dtype=np.int32), np.arange(5)
    assert tune((words, offsets), (words, offsets), np.ones(3, dtype=bool)).order == 2


def test_empty_validation_text_is_refused():
    empty = np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64)
    with pytest.raises(ValueError, match="at least one word"):
        tune(chain(5, 0), empty, KNOWN)
