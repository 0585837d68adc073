"""The filter against the enumeration of every message of a law of six words and three topics."""

from itertools import product

import numpy as np
import pytest

from gboard_sim.learning.law.ceiling import ceiling, posterior, true_mass
from gboard_sim.learning.law.law import Law
from gboard_sim.learning.law.sampling import MessageCounts, mixtures, sample

WORDS, TOPICS, LENGTH = 6, 3, 4
KNOWN = np.array([True, True, False, True, True, True])


@pytest.fixture(scope="module")
def law():
    rng = np.random.default_rng(1)
    return Law(
        words=tuple("abcdef"),
        topic_share=np.array([0.5, 0.3, 0.2]),
        concentration=2.0,
        length_share=np.array([0.0, 0.0, 0.4, 0.2, 0.4]),
        class_after=rng.dirichlet(np.full(4, 0.5), WORDS + 1),
        word_in=rng.dirichlet(np.full(WORDS, 0.5), (TOPICS, 4)),
    )


def joint(law, prior):
    """The probability of every message of LENGTH words with every topic. Shape [6, 6, 6, 6, 3]."""
    table = np.zeros((WORDS,) * LENGTH + (TOPICS,))
    for z in range(TOPICS):
        step = law.class_after @ law.word_in[z]
        for message in product(range(WORDS), repeat=LENGTH):
            chance = prior[z]
            for previous, word in zip((WORDS, *message), message, strict=False):
                chance *= step[previous, word]
            table[(*message, z)] = chance
    return table


def next_word(table, seen):
    """The probability of every next word given the words seen, by summing the joint."""
    rest = table[seen].sum(axis=-1)
    chance = rest.reshape(WORDS, -1).sum(axis=1)
    return chance / chance.sum()


MESSAGES = [[0, 1, 2, 3], [5, 5], [2, 4, 2], [], [3, 0, 1, 5]]


def columns():
    offsets = np.concatenate([[0], np.cumsum([len(m) for m in MESSAGES])])
    return np.array([w for m in MESSAGES for w in m], dtype=np.int32), offsets


@pytest.mark.parametrize("personal", [False, True])
def test_ceiling_is_the_best_of_all_next_words_by_enumeration(law, personal):
    rng = np.random.default_rng(2)
    own = rng.dirichlet(np.ones(TOPICS), len(MESSAGES))
    words, offsets = columns()
    best = ceiling(law, words, offsets, KNOWN, own if personal else None)
    chosen = rng.permuted(np.tile(np.arange(WORDS, dtype=np.int32), (len(words), 1)), axis=1)[:, :3]
    chosen[4, 1] = -1
    mass = true_mass(law, words, offsets, chosen, own if personal else None)
    believed = posterior(law, words, offsets, own if personal else None)
    at, tops = 0, []
    for message, prior in zip(MESSAGES, own, strict=True):
        table = joint(law, prior if personal else law.topic_share)
        for place in range(len(message)):
            seen = tuple(message[:place])
            chance = next_word(table, seen)
            order = np.argsort(-np.where(KNOWN, chance, -1.0))[:3]
            assert best.top[at].tolist() == order.tolist()
            assert best.mass[at] == pytest.approx(chance[order], rel=1e-12)
            expected = np.where(chosen[at] >= 0, chance[chosen[at]], 0.0)
            assert mass[at] == pytest.approx(expected, rel=1e-12)
            topics = table[seen].reshape(-1, TOPICS).sum(axis=0)
            assert believed[at] == pytest.approx(topics / topics.sum(), rel=1e-12)
            tops.append(chance[order])
            at += 1
    assert best.recall_at_1 == pytest.approx(np.mean([t[0] for t in tops]))
    assert best.recall_at_3 == pytest.approx(np.mean([t.sum() for t in tops]))


def test_ceiling_of_a_vocabulary_of_two_words_shows_two(law):
    words, offsets = columns()
    known = np.zeros(WORDS, dtype=bool)
    known[[1, 4]] = True
    best = ceiling(law, words, offsets, known)
    assert set(best.top[:, :2].ravel().tolist()) == {1, 4}
    assert (best.top[:, 2] == -1).all()
    assert (best.mass[:, 2] == 0).all()


def test_empty_text_has_no_ceiling(law):
    with pytest.raises(ValueError, match="empty"):
        ceiling(law, np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64), KNOWN)


def test_hits_on_drawn_text_agree_with_the_mass_and_no_prior_beats_the_users_own():
    law = Law.load()
    text = sample(law, 60, MessageCounts(60.0, sigma=0.0), seed=5)
    known = np.arange(len(law.words)) % 50 != 7  # the words left out can come, and are misses
    own = mixtures(law, 60, seed=5)[text.user]
    recalls = []
    for prior in (None, own):
        best = ceiling(law, text.words, text.offsets, known, prior)
        assert known[best.top].all()
        # A hit is 1 with the chance `mass`, given everything before, so the sum of their
        # differences is a martingale and its variance is the sum of p (1 - p). That holds for the
        # prior that the topics were drawn from: pi over users, theta for each of them.
        chance = best.mass.sum(axis=1)
        hits = (best.top == text.words[:, None]).any(axis=1)
        between = 0.01 if prior is None else 0.0  # 60 users' mixtures are not pi
        error = np.sqrt((chance * (1 - chance)).sum()) / len(hits)
        assert abs(hits.mean() - best.recall_at_3) <= 4 * error + between
        recalls.append(hits.mean())
    assert recalls[1] > recalls[0]
