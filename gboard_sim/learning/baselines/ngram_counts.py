"""Adjusted n-gram counts, as sorted columns: what a Kneser-Ney model is estimated from.

A text is a column of words and the offsets of its messages. Every message begins after the symbol
`<s>`, words outside the vocabulary are the symbol `<unk>`, and there is no end symbol, because a
keyboard never suggests one. An n-gram is one integer, its symbols as digits, the oldest first, so
that a sorted column of n-grams is also grouped by context.

The adjusted count of an n-gram is how often it was seen if it has the model's full order or begins
with `<s>`, and otherwise the number of different symbols seen before it (Chen and Goodman 1998,
section 2.7; the exception for `<s>` is that of Heafield et al., ACL 2013, section 3.3).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim import ranges
from gboard_sim.seam.records import Flags, Ints

Words = npt.NDArray[np.int32]
"""Word ids: indices of a lexicon, the same for every text of a run."""


@dataclass(frozen=True, slots=True, eq=False)
class Symbols:
    """The digits that n-grams are written in: the vocabulary, then `<unk>`, then `<s>`.

    Attributes:
        vocabulary: Word ids of the symbols 0 to V - 1, ascending. Shape [V].
        of_word: The symbol of every word id. Shape [W].
    """

    vocabulary: Words
    of_word: Ints

    @classmethod
    def of(cls, known: Flags) -> "Symbols":
        """The symbols of a lexicon of which `known` marks the vocabulary. Shape [W]."""
        vocabulary = np.flatnonzero(known).astype(np.int32)
        of_word = np.full(len(known), len(vocabulary), dtype=np.int64)
        of_word[vocabulary] = np.arange(len(vocabulary))
        return cls(vocabulary, of_word)

    @property
    def unknown(self) -> int:
        """The symbol of every word outside the vocabulary."""
        return len(self.vocabulary)

    @property
    def base(self) -> int:
        """The number of symbols, `<unk>` and `<s>` included."""
        return len(self.vocabulary) + 2


def contexts(symbols: Symbols, words: Words, offsets: Ints, order: int) -> list[Ints]:
    """The context of every position at every depth below `order`.

    Args:
        symbols: The digits.
        words: Word ids. Shape [w].
        offsets: Message `i` is `words[offsets[i]:offsets[i + 1]]`. Shape [n + 1].
        order: The order of the model.

    Returns:
        For each depth from 0 to `order` - 1 the packed context, or -1 where the message is too
        young to have one; its `<s>` counts as a symbol. Shape [w] each.
    """
    text = symbols.of_word[words]
    place = ranges.places(np.diff(offsets))
    packed = [np.zeros(len(words), dtype=np.int64)]
    for depth in range(1, order):
        before = np.concatenate([np.zeros(depth, dtype=np.int64), text])[: len(words)]
        before = np.where(place == depth - 1, symbols.base - 1, before)
        longer = before * symbols.base ** (depth - 1) + packed[-1]
        packed.append(np.where(place >= depth - 1, longer, -1))
    return packed


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The n-grams of one length with their adjusted counts, grouped by context.

    Attributes:
        keys: Packed n-grams, ascending. Shape [n].
        counts: Their adjusted counts. Shape [n].
        contexts: Packed contexts, ascending. Shape [c].
        first: Context `i` owns n-grams `first[i]:first[i + 1]`. Shape [c + 1].
        total: Sum of the adjusted counts after each context. Shape [c].
        kinds: How many n-grams of count 1, of 2, and of 3 or more follow it. Shape [c, 3].
    """

    keys: Ints
    counts: Ints
    contexts: Ints
    first: Ints
    total: Ints
    kinds: Ints

    @classmethod
    def of(cls, keys: Ints, counts: Ints, base: int) -> "Level":
        """The columns grouped; `keys` ascend."""
        contexts, start = np.unique(keys // base, return_index=True)
        kinds = (np.minimum(counts, 3)[:, None] == np.array([1, 2, 3])).astype(np.int64)
        return cls(
            keys,
            counts,
            contexts,
            np.append(start, len(keys)).astype(np.int64),
            np.add.reduceat(counts, start),
            np.add.reduceat(kinds, start, axis=0),
        )


def find(column: Ints, wanted: Ints) -> Ints:
    """Where each of `wanted` stands in an ascending column, or -1. Shape of `wanted`."""
    at = np.minimum(np.searchsorted(column, wanted), len(column) - 1)
    return np.where(column[at] == wanted, at, -1)


def levels(symbols: Symbols, words: Words, offsets: Ints, order: int) -> tuple[Level, ...]:
    """The adjusted counts of a text, for n-grams of length 1 to `order`.

    Raises:
        ValueError: No message is long enough for an n-gram of that order, or n-grams of that order
            over so many symbols do not fit into 63 bits.
    """
    base = symbols.base
    if order > longest(offsets):
        raise ValueError(f"order(={order}) must be at most {longest(offsets)} for this text")
    if base**order >= 2**63:
        raise ValueError(f"order(={order}) over {base} symbols does not fit into 63 bits")
    text = symbols.of_word[words]
    packed = contexts(symbols, words, offsets, order)
    keys, counts = np.unique(_seen(packed[-1], text, base), return_counts=True)
    found = [Level.of(keys, counts, base)]
    for depth in range(order - 2, -1, -1):
        # What follows <s> at this depth has no symbol before it: its own count stands.
        from_start = (packed[depth] // base ** max(depth - 1, 0) == base - 1) & (depth > 0)
        started, often = np.unique(
            _seen(packed[depth], text, base)[from_start[packed[depth] >= 0]], return_counts=True
        )
        extended, kinds = np.unique(found[-1].keys % base ** (depth + 1), return_counts=True)
        keys = np.concatenate([started, extended])
        counts = np.concatenate([often, kinds])
        ascending = np.argsort(keys)
        found.append(Level.of(keys[ascending], counts[ascending], base))
    return tuple(reversed(found))


def longest(offsets: Ints) -> int:
    """The length of the longest n-gram in a text, `<s>` included, 0 where there is no word."""
    words = int(np.diff(offsets).max(initial=0))
    return words + 1 if words else 0


def _seen(packed: Ints, text: Ints, base: int) -> Ints:
    """The n-grams of a text, in its order, where the context is long enough."""
    return (packed * base + text)[packed >= 0]
