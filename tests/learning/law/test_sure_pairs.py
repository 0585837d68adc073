"""The best pairs against the enumeration of every message of a small law."""

from itertools import product

import numpy as np
import pytest

from gboard_sim.learning.law.law import Law
from gboard_sim.learning.law.sure_pairs import LEAST, best_coverage, pair_probabilities

WORDS, TOPICS, LONGEST = 5, 3, 4
LENGTHS = np.array([0.0, 0.1, 0.2, 0.3, 0.4])
KNOWN = np.array([True, True, False, True, True])


@pytest.fixture(scope="module")
def law():
    rng = np.random.default_rng(4)
    return Law(
        words=tuple("abcde"),
        topic_share=np.array([0.5, 0.3, 0.2]),
        concentration=2.0,
        length_share=LENGTHS,
        class_after=rng.dirichlet(np.full(3, 0.2), WORDS + 1),
        word_in=rng.dirichlet(np.full(WORDS, 0.3), (TOPICS, 3)),
    )


def all_messages(law):
    """Every message with its probability."""
    for length in range(1, LONGEST + 1):
        for message in product(range(WORDS), repeat=length):
            chance = 0.0
            for z in range(TOPICS):
                step = law.class_after @ law.word_in[z]
                part = law.topic_share[z] * LENGTHS[length]
                for previous, word in zip((WORDS, *message), message, strict=False):
                    part *= step[previous, word]
                chance += part
            yield message, chance


def test_the_best_pair_is_that_of_all_messages_by_enumeration(law):
    table = dict(all_messages(law))
    messages = [[0, 1, 3, 4], [2, 0], [4], [3, 3, 0]]
    offsets = np.concatenate([[0], np.cumsum([len(m) for m in messages])])
    words = np.array([w for m in messages for w in m], np.int32)
    found = pair_probabilities(law, words, offsets, KNOWN)
    wanted = []
    for message in messages:
        for place in range(len(message) + 1):
            seen = tuple(message[:place])
            reached = {m: p for m, p in table.items() if m[:place] == seen}
            pairs = {
                pair: sum(p for m, p in reached.items() if m[place : place + 2] == pair)
                for pair in product(np.flatnonzero(KNOWN).tolist(), repeat=2)
            }
            wanted.append(max(pairs.values()) / sum(reached.values()))
    wanted = np.array(wanted)
    assert (wanted > LEAST).any()
    assert found == pytest.approx(np.where(wanted < LEAST, 0, wanted))


def test_the_largest_set_of_that_mean_is_taken():
    assert best_coverage(np.array([0.2, 0.9, 0.0, 0.6]), 0.5) == 3 / 4  # mean 0.567, then 0.425
    assert best_coverage(np.array([0.9, 0.2]), 0.6) == 1 / 2
    assert best_coverage(np.array([0.4, 0.2]), 0.5) == 0
