"""The law's mathematics on small tables, and the limits that the shipped law must keep."""

import re

import numpy as np
import pytest

from gboard_sim.catalogue import locate
from gboard_sim.learning.baselines.kneser_ney_tuning import tune
from gboard_sim.learning.baselines.unigram import Unigram
from gboard_sim.learning.law.ceiling import ceiling, true_mass
from gboard_sim.learning.law.factors import Factors
from gboard_sim.learning.law.law import Law
from gboard_sim.learning.law.sampling import MessageCounts, sample


def factors():
    return Factors(
        words=("red", "green", "blue"),
        topic_share=np.array([1.0, 3.0]),
        concentration=2.0,
        length_share=np.array([0.0, 1.0, 1.0]),
        class_after=np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 1.0]]),
        word_in=np.array([[1.0, 1.0, 2.0], [0.0, 1.0, 1.0]]),
        tilt=np.array([[0.0, 0.0, 0.0], [np.log(2.0), 0.0, 0.0]]),
    )


def test_topics_tilt_words_within_classes():
    law = Law.of(factors())
    assert law.topic_share.tolist() == [0.25, 0.75]
    assert law.length_share.tolist() == [0.0, 0.5, 0.5]
    # Class 0 without a topic is (1, 1, 2) / 4; topic 1 doubles `red`: (2, 1, 2) / 5.
    assert law.after(0) == pytest.approx(np.array([[0.25, 0.25, 0.5], [0.4, 0.2, 0.4]]))
    # After <s>, class 0 has three quarters; class 1 is (0, 1, 1) / 2 in both topics.
    assert law.after(law.start)[1] == pytest.approx([0.3, 0.15 + 0.125, 0.3 + 0.125])


def test_shipped_law_is_a_probability_everywhere_and_fits_the_lane():
    law = Law.load()
    assert len(set(law.words)) == len(law.words) >= 1000
    assert all(re.fullmatch("[a-z]+", word) for word in law.words)
    left_out = (locate("models", "law") / "left_out.txt").read_text().split()
    assert not set(law.words) & set(left_out)
    for shares in (law.topic_share, law.length_share, law.class_after, law.word_in):
        assert (shares >= 0).all()
        assert shares.sum(axis=-1) == pytest.approx(np.ones(shares.shape[:-1]))
    assert (law.class_after > 0).all()
    assert (law.word_in > 0).all()
    assert 12 <= len(law.length_share) - 1 <= 16
    assert law.length_share[0] == 0


def test_shipped_law_keeps_its_limits():
    # As many words as the default experiment's n-gram reads: public users' and phones' text.
    law = Law.load()
    known = np.ones(len(law.words), dtype=bool)
    training = sample(law, 1900, MessageCounts(250.0, sigma=0.6), seed=1)
    validation = sample(law, 60, MessageCounts(150.0), seed=2)
    test = sample(law, 120, MessageCounts(150.0), seed=3)
    assert len(training.words) == pytest.approx(4.75e6, rel=0.05)
    best = ceiling(law, test.words, test.offsets, known)
    assert 0.30 <= best.recall_at_3 <= 0.45

    def share(top):
        mass = true_mass(law, test.words, test.offsets, top)
        return mass.sum(axis=1).mean() / best.recall_at_3

    assert share(Unigram.fit(training.words, known).top(test.words)) <= 0.45
    ngram = tune((training.words, training.offsets), (validation.words, validation.offsets), known)
    assert 0.75 <= share(ngram.top(test.words, test.offsets)) <= 0.85
