"""The choice of a Kneser-Ney model's discounts and order on validation text.

The discounts minimise the cross-entropy, as in Chen and Goodman (1998, section 4.1), by coordinate
search from their closed-form estimates; the order is the one with the best top-3 recall.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim.learning.baselines.kneser_ney import LEAST_DISCOUNT, KneserNey, closed_form
from gboard_sim.learning.baselines.ngram_counts import (
    Level,
    Symbols,
    Words,
    contexts,
    find,
    levels,
    longest,
)
from gboard_sim.seam.records import Flags, Floats, Ints

_STEPS = (0.2, 0.1, 0.05, 0.02)  # how far a discount is moved, in turn (assumed)

_TARGETS = 50_000  # most validation words that discounts are fitted on, evenly spaced (assumed)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the n-grams of one length say of each target, in parts of its context's total count.

    Attributes:
        share: The target's adjusted count. Shape [w].
        takes: One, in the column of the discount that the target's count suffers. Shape [w, 3].
        leaves: How many n-grams each discount is taken from, then 1 if the context was never seen,
            so that everything is left to the shorter context. Shape [w, 4].
    """

    share: Floats
    takes: Floats
    leaves: Floats


def tune(
    training: tuple[Words, Ints],
    validation: tuple[Words, Ints],
    known: Flags,
    orders: tuple[int, ...] = (2, 3, 4),
) -> KneserNey:
    """The model of the training text that does best on the validation text.

    Args:
        training: Word ids, shape [w], and the offsets of their messages, shape [n + 1].
        validation: The same, of other users.
        known: Which word ids are in the vocabulary. Shape [W].
        orders: The orders to choose from; those too long for the training text are passed over.

    Raises:
        ValueError: Either text is empty.
    """
    words, offsets = validation
    if len(words) == 0 or len(training[0]) == 0:
        raise ValueError("tuning needs at least one word of training and of validation text")
    symbols = Symbols.of(known)
    best: KneserNey | None = None
    best_hits = -1
    for order in (order for order in orders if order <= longest(training[1])):
        counted = levels(symbols, *training, order)
        discounts = fitted_discounts(symbols, counted, words, offsets)
        model = KneserNey.discounted(symbols, counted, discounts)
        hits = int((model.top(words, offsets) == words[:, None]).sum())
        if hits > best_hits:
            best, best_hits = model, hits
    if best is None:
        raise ValueError(f"orders(={orders}) must hold one of at most {longest(training[1])}")
    return best


def fitted_discounts(
    symbols: Symbols, counted: tuple[Level, ...], words: Words, offsets: Ints
) -> Floats:
    """The discounts that give a text the lowest cross-entropy. Shape [order, 3]."""
    evidence = gathered(symbols, counted, words, offsets)
    outcomes = symbols.base - 1  # <s> is never predicted
    discounts = closed_form(counted)
    said = [_said(level, taken) for level, taken in zip(evidence, discounts, strict=True)]
    lowest = _entropy(said, outcomes)
    for step in _STEPS:
        improved = True
        while improved:
            improved = False
            for place in np.ndindex(discounts.shape):
                for move in (-step, step):
                    tried = discounts.copy()
                    tried[place] = np.clip(tried[place] + move, LEAST_DISCOUNT, place[1] + 1.0)
                    length = place[0]  # all others say what they said
                    then = [*said]
                    then[length] = _said(evidence[length], tried[length])
                    entropy = _entropy(then, outcomes)
                    if entropy < lowest - 1e-9:
                        discounts, said, lowest, improved = tried, then, entropy, True
                        break
    return discounts


def cross_entropy(evidence: list[Evidence], outcomes: int, discounts: Floats) -> float:
    """Mean negative log-probability of the targets, in nats."""
    said = [_said(level, taken) for level, taken in zip(evidence, discounts, strict=True)]
    return _entropy(said, outcomes)


def _said(level: Evidence, taken: Floats) -> tuple[Floats, Floats]:
    """What is given to each target, and what is left to the shorter context. Shape [w] each."""
    return level.share - level.takes @ taken, level.leaves @ np.append(taken, 1.0)


def _entropy(said: list[tuple[Floats, Floats]], outcomes: int) -> float:
    """The cross-entropy of what n-grams of every length say, the shortest first."""
    probability = np.full(len(said[0][0]), 1.0 / outcomes)
    for given, left in said:
        probability = given + left * probability
    return float(-np.log(probability).mean())


def gathered(
    symbols: Symbols, counted: tuple[Level, ...], words: Words, offsets: Ints
) -> list[Evidence]:
    """What each level says of the targets of a text, thinned evenly to what fitting needs."""
    every = -(-len(words) // _TARGETS)
    text = symbols.of_word[words][::every]
    found = []
    packed_by_depth = contexts(symbols, words, offsets, len(counted))
    for level, packed in zip(counted, (each[::every] for each in packed_by_depth), strict=True):
        after = find(level.contexts, packed)
        seen = find(level.keys, np.where(packed >= 0, packed * symbols.base + text, -1))
        total = np.where(after >= 0, level.total[after], 1)
        count = np.where(seen >= 0, level.counts[seen], 0)
        kinds = np.where(after[:, None] >= 0, level.kinds[after], 0)
        takes = np.minimum(count, 3)[:, None] == np.array([1, 2, 3])
        found.append(
            Evidence(
                count / total,
                takes / total[:, None],
                np.column_stack([kinds / total[:, None], after < 0]),
            )
        )
    return found
