"""Adjusted counts of two messages, counted by hand."""

import numpy as np

from gboard_sim.learning.baselines.ngram_counts import Symbols, contexts, levels

# Word ids 0 to 3; word 1 is outside the vocabulary. Symbols: 0 -> a, 2 -> b, 3 -> c.
SYMBOLS = Symbols.of(np.array([True, False, True, True]))
A, B, C, UNKNOWN, START = range(5)
# <s> a b a b   and   <s> a <unk>
WORDS = np.array([0, 2, 0, 2, 0, 1], dtype=np.int32)
OFFSETS = np.array([0, 4, 4, 6])


def packed(*symbols):
    key = 0
    for symbol in symbols:
        key = key * SYMBOLS.base + symbol
    return key


def test_vocabulary_comes_before_unknown_and_start():
    assert SYMBOLS.of_word.tolist() == [A, UNKNOWN, B, C]
    assert SYMBOLS.vocabulary.tolist() == [0, 2, 3]
    assert SYMBOLS.base == 5


def test_contexts_reach_back_to_the_start_of_their_own_message():
    none = -1
    assert [depth.tolist() for depth in contexts(SYMBOLS, WORDS, OFFSETS, 3)] == [
        [0] * 6,
        [START, A, B, A, START, A],
        [none, packed(START, A), packed(A, B), packed(B, A), none, packed(START, A)],
    ]


def test_adjusted_counts_are_left_extensions_except_after_the_start():
    one, two, three = levels(SYMBOLS, WORDS, OFFSETS, 3)
    # a comes after <s> and b, b after a, <unk> after a.
    assert dict(zip(one.keys, one.counts, strict=True)) == {A: 2, B: 1, UNKNOWN: 1}
    # `<s> a` was seen twice; `a b` after <s> and b; `b a` after a; `a <unk>` after <s>.
    assert dict(zip(two.keys, two.counts, strict=True)) == {
        packed(START, A): 2,
        packed(A, B): 2,
        packed(B, A): 1,
        packed(A, UNKNOWN): 1,
    }
    assert dict(zip(three.keys, three.counts, strict=True)) == {
        packed(START, A, B): 1,
        packed(A, B, A): 1,
        packed(B, A, B): 1,
        packed(START, A, UNKNOWN): 1,
    }


def test_levels_are_grouped_by_context():
    _, two, _ = levels(SYMBOLS, WORDS, OFFSETS, 3)
    assert two.contexts.tolist() == [A, B, START]
    assert two.first.tolist() == [0, 2, 3, 4]
    assert two.total.tolist() == [3, 1, 2]
    assert two.kinds.tolist() == [[1, 1, 0], [1, 0, 0], [0, 1, 0]]
