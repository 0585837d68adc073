"""The unigram baseline: always suggests the most frequent words, whatever came before."""

from dataclasses import dataclass

import numpy as np

from gboard_sim.learning.baselines.ngram_counts import Words
from gboard_sim.seam.records import Flags, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Unigram:
    """The vocabulary by frequency.

    Attributes:
        ranked: Word ids of the vocabulary, most frequent first; ties by word id. Shape [V].
    """

    ranked: Words

    @classmethod
    def fit(cls, words: Words, known: Flags) -> "Unigram":
        """The model of a text.

        Args:
            words: Word ids. Shape [w].
            known: Which word ids are in the vocabulary. Shape [W].
        """
        count: Ints = np.bincount(words, minlength=len(known))
        ranked = np.argsort(-count, kind="stable")
        return cls(ranked[known[ranked]].astype(np.int32))

    def top(self, words: Words, k: int = 3) -> Words:
        """The same `k` words at every position of a text, -1 where there are fewer. [w, k]."""
        best = np.full(k, -1, dtype=np.int32)
        best[: len(self.ranked)] = self.ranked[:k]
        return np.tile(best, (len(words), 1))
