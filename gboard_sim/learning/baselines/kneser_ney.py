"""Interpolated modified Kneser-Ney: the best n-gram baseline for next-word prediction.

The probability of a word after a context is its discounted share of the context's adjusted counts,
plus what the discounts took times the probability after the context less its oldest symbol, down to
the uniform distribution over the vocabulary and `<unk>`. Three discounts per length, for counts of
1, 2, and 3 or more. Source: Chen and Goodman, "An empirical study of smoothing techniques for
language modeling", Harvard TR-10-98, 1998, section 3.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim import ranges
from gboard_sim.learning.baselines.ngram_counts import Level, Symbols, Words, contexts, find, levels
from gboard_sim.seam.records import Flags, Floats, Ints

LEAST_DISCOUNT = 0.01  # so that no word is impossible anywhere (assumed)


@dataclass(frozen=True, slots=True, eq=False)
class KneserNey:
    """An n-gram model with its discounts.

    Attributes:
        symbols: The vocabulary as digits.
        levels: Adjusted counts of n-grams of length 1 to the order.
        discounts: What is taken from counts of 1, 2, and 3 or more. Shape [order, 3].
        probability: Of each seen n-gram's last word after its context, level by level.
        left_over: The share of each context that the discounts took, level by level.
    """

    symbols: Symbols
    levels: tuple[Level, ...]
    discounts: Floats
    probability: tuple[Floats, ...]
    left_over: tuple[Floats, ...]

    @classmethod
    def fit(
        cls,
        words: Words,
        offsets: Ints,
        known: Flags,
        order: int,
        discounts: Floats | None = None,
    ) -> "KneserNey":
        """The model of a text.

        Args:
            words: Word ids. Shape [w].
            offsets: Message `i` is `words[offsets[i]:offsets[i + 1]]`. Shape [n + 1].
            known: Which word ids are in the vocabulary. Shape [W].
            order: Length of the longest n-grams.
            discounts: Shape [order, 3]; by default Chen and Goodman's estimates.
        """
        symbols = Symbols.of(known)
        counted = levels(symbols, words, offsets, order)
        return cls.discounted(
            symbols, counted, closed_form(counted) if discounts is None else discounts
        )

    @classmethod
    def discounted(
        cls, symbols: Symbols, counted: tuple[Level, ...], discounts: Floats
    ) -> "KneserNey":
        """The model of counts that are already there."""
        lower = np.full(1, 1.0 / (symbols.base - 1))  # <s> is never predicted
        before: Ints = np.zeros(len(counted[0].keys), dtype=np.int64)
        probability: list[Floats] = []
        left_over: list[Floats] = []
        for depth, level in enumerate(counted):
            if depth > 0:
                before = find(counted[depth - 1].keys, level.keys % symbols.base**depth)
            taken = np.concatenate([[0.0], discounts[depth]])[np.minimum(level.counts, 3)]
            owner = np.repeat(np.arange(len(level.contexts)), np.diff(level.first))
            left = level.kinds @ discounts[depth] / level.total
            lower = (level.counts - taken) / level.total[owner] + left[owner] * lower[before]
            probability.append(lower)
            left_over.append(left)
        return cls(symbols, counted, discounts, tuple(probability), tuple(left_over))

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.levels)

    def log_probability(self, words: Words, offsets: Ints) -> Floats:
        """Natural logarithm of the probability of every word of a text, `<unk>` if unknown. [w]."""
        text = self.symbols.of_word[words]
        result = np.full(len(words), 1.0 / (self.symbols.base - 1))
        for depth, packed in enumerate(contexts(self.symbols, words, offsets, self.order)):
            level = self.levels[depth]
            after = find(level.contexts, packed)
            seen = find(level.keys, np.where(packed >= 0, packed * self.symbols.base + text, -1))
            backed_off = np.where(after >= 0, self.left_over[depth][after], 1.0) * result
            result = np.where(seen >= 0, self.probability[depth][seen], backed_off)
        logarithm: Floats = np.log(result)
        return logarithm

    def top(self, words: Words, offsets: Ints, k: int = 3) -> Words:
        """The `k` most probable vocabulary words at every position of a text, best first.

        A word that was not seen after a context comes there in the order of the shorter context, so
        the best words after a context are among those seen after it and the best of the shorter
        one: the search is exact. Ties go to the lower word id.

        Returns:
            Word ids, -1 where the vocabulary has fewer than `k` words. Shape [w, k].
        """
        symbols = np.arange(k)[None]  # before any evidence the lowest word ids are as good as all
        best = np.where(symbols < len(self.symbols.vocabulary), symbols, -1)
        score = np.full((1, k), 1.0 / (self.symbols.base - 1))
        at = np.zeros(len(words), dtype=np.int64)  # each position's row of `best`
        for depth, packed in enumerate(contexts(self.symbols, words, offsets, self.order)):
            after = find(self.levels[depth].contexts, packed)
            queries, row = np.unique(np.stack([after, at]), axis=1, return_inverse=True)
            after, shorter = queries
            best, score = self._merge(depth, after, best[shorter], score[shorter])
            at = row.reshape(-1)
        word = np.append(self.symbols.vocabulary, np.int32(-1))  # symbol -1 is no word
        return word[best][at]

    def _merge(self, depth: int, after: Ints, best: Ints, score: Floats) -> tuple[Ints, Floats]:
        """The best words after contexts, given the best words after the shorter contexts.

        Args:
            depth: Symbols in the contexts.
            after: The context of each query, -1 where it was never seen. Shape [q].
            best: Symbols that are best after the shorter context, -1 for none. Shape [q, k].
            score: Their probability there. Shape [q, k].
        """
        level, base, k = self.levels[depth], self.symbols.base, best.shape[1]
        live = np.flatnonzero(after >= 0)
        context = after[live]
        # Words not seen after this context keep the shorter context's order.
        packed = level.contexts[context][:, None] * base + best[live]
        unseen = (best[live] >= 0) & (find(level.keys, packed) < 0)
        kept = np.where(unseen, score[live] * self.left_over[depth][context][:, None], -1.0)
        # Words seen after it: n-grams first[i]:first[i + 1] of each context, laid end to end.
        size = level.first[context + 1] - level.first[context]
        query = np.repeat(np.arange(len(live)), size)
        ngram = ranges.members(level.first[context], size)
        symbol = level.keys[ngram] % base
        listed = symbol != self.symbols.unknown
        query = np.concatenate([query[listed], np.repeat(np.arange(len(live)), k)])
        symbol = np.concatenate([symbol[listed], best[live].ravel()])
        probability = np.concatenate([self.probability[depth][ngram[listed]], kept.ravel()])
        chosen = np.lexsort((symbol, -probability, query))
        query = query[chosen]
        rank = np.arange(len(query)) - np.searchsorted(query, query)
        chosen, query, rank = chosen[rank < k], query[rank < k], rank[rank < k]
        valid = probability[chosen] >= 0.0
        best, score = best.copy(), score.copy()
        best[live], score[live] = -1, 0.0
        best[live[query], rank] = np.where(valid, symbol[chosen], -1)
        score[live[query], rank] = np.where(valid, probability[chosen], 0.0)
        return best, score


def closed_form(counted: tuple[Level, ...]) -> Floats:
    """Chen and Goodman's estimate of the discounts from counts of counts. Shape [order, 3].

    Where a count of counts is zero the estimate does not exist, and half the count stands in
    (assumed; tuning starts from there).
    """
    discounts = np.zeros((len(counted), 3))
    for depth, level in enumerate(counted):
        of_count = np.bincount(np.minimum(level.counts, 5), minlength=6).astype(np.float64)
        for count in (1, 2, 3):
            here, more = of_count[count], of_count[count + 1]
            if of_count[1] == 0 or here == 0:
                discounts[depth, count - 1] = count / 2
                continue
            share = of_count[1] / (of_count[1] + 2 * of_count[2])
            estimate = count - (count + 1) * share * more / here
            discounts[depth, count - 1] = min(max(estimate, LEAST_DISCOUNT), float(count))
    return discounts
