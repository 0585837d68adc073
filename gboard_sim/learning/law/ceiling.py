"""The ceiling: the recall of the best possible predictor of text drawn from the synthetic law.

That predictor knows the law but not the topic. At every position it has a posterior over topics,
from the prior and the message's earlier words, and suggests the most probable vocabulary words of
the mixture. The ceiling is the mean probability mass of its suggestions, not their hits, so it
carries no noise from the words that were drawn; a model's share of it is the mean mass of the
model's own suggestions over that, at the same positions. Words outside the vocabulary can come but
are never suggested; the predictor reads them where a model reads only `<unk>`, so it bounds every
model that sees one message. With a user's own mixture as the prior it bounds every personal model.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gboard_sim.learning.baselines.ngram_counts import Words
from gboard_sim.learning.law.law import Law
from gboard_sim.seam.records import Flags, Floats, Ints

_PRODUCT = 2**18
"""Multiplications in one matrix product. OpenBLAS spreads larger ones over threads, which wait for
each other when other processes hold the cores: 42 ms instead of 0.4 ms (measured on two cores with
seven busy processes)."""

_ROWS = 4096
"""Words whose probabilities are worked out at once (assumed: megabytes, with the shipped law)."""


@dataclass(frozen=True, slots=True, eq=False)
class Ceiling:
    """What the best possible predictor reaches on a text.

    Attributes:
        recall_at_1: Mean mass of its first suggestion.
        recall_at_3: Mean mass of its first three suggestions.
        top: Its suggestions, best first, -1 for none. Shape [w, 3].
        mass: Their probability. Shape [w, 3].
    """

    recall_at_1: float
    recall_at_3: float
    top: Words
    mass: Floats


def ceiling(
    law: Law, words: Words, offsets: Ints, known: Flags, prior: Floats | None = None
) -> Ceiling:
    """The ceiling on a text.

    Args:
        law: The law that the text was drawn from.
        words: Word ids of the law. Shape [w].
        offsets: Message `i` is `words[offsets[i]:offsets[i + 1]]`. Shape [n + 1].
        known: Which word ids are in the vocabulary. Shape [W].
        prior: Topic probabilities before the first word, the same for every message, shape [Z], or
            one row each, shape [n, Z]; by default the law's topic shares.

    Raises:
        ValueError: The text is empty.
    """
    if len(words) == 0:
        raise ValueError("the ceiling of an empty text does not exist")
    belief = posterior(law, words, offsets, prior)
    top = np.full((len(words), 3), -1, dtype=np.int32)
    mass = np.zeros((len(words), 3))
    barred = np.flatnonzero(~known)
    for rows, following in _by_previous(law, words, offsets):
        chance = belief[rows] @ following
        chance[:, barred] = -1.0
        each = np.arange(len(rows))
        for rank in range(min(3, int(known.sum()))):
            best = chance.argmax(axis=1)
            top[rows, rank] = best
            mass[rows, rank] = chance[each, best]
            chance[each, best] = -1.0
    return Ceiling(float(mass[:, 0].mean()), float(mass.sum(axis=1).mean()), top, mass)


def true_mass(
    law: Law, words: Words, offsets: Ints, chosen: Words, prior: Floats | None = None
) -> Floats:
    """The probability of a model's suggestions at every position of a text, as the ceiling sees it.

    Args:
        law: The law that the text was drawn from.
        words: Word ids of the law. Shape [w].
        offsets: Message `i` is `words[offsets[i]:offsets[i + 1]]`. Shape [n + 1].
        chosen: Suggested word ids, different at each position, -1 for none. Shape [w, k].
        prior: As for `ceiling`.

    Returns:
        Shape [w, k]; 0 where nothing was suggested.
    """
    belief = posterior(law, words, offsets, prior)
    previous = _previous(law, words, offsets)
    mass = np.zeros(chosen.shape)
    for rank in range(chosen.shape[1]):
        word = chosen[:, rank]
        chance = np.einsum("nz,nz->n", belief, _chance(law, previous, word))
        mass[:, rank] = np.where(word >= 0, chance, 0.0)
    return mass


def posterior(law: Law, words: Words, offsets: Ints, prior: Floats | None = None) -> Floats:
    """The probability of every topic before each word, given the message's earlier words. [w, Z].

    The arguments are those of `ceiling`.
    """
    seen = _chance(law, _previous(law, words, offsets), words)
    length = np.diff(offsets)
    first = law.topic_share if prior is None else prior
    belief = np.empty_like(seen)
    belief[offsets[:-1][length > 0]] = np.broadcast_to(first, (len(length), seen.shape[1]))[
        length > 0
    ]
    for place in range(1, int(length.max(initial=0))):
        at = offsets[:-1][length > place] + place
        joint = belief[at - 1] * seen[at - 1]
        belief[at] = joint / joint.sum(axis=1, keepdims=True)
    return belief


def _previous(law: Law, words: Words, offsets: Ints) -> Ints:
    """What comes before each word of a text. Shape [w]."""
    previous = np.empty(len(words), dtype=np.int64)
    previous[1:] = words[:-1]
    previous[offsets[:-1][np.diff(offsets) > 0]] = law.start
    return previous


def _chance(law: Law, previous: Ints, words: Words) -> Floats:
    """The probability of each word after the one before it, by topic. Shape [w, Z]."""
    found = np.empty((len(words), len(law.topic_share)))
    for begin in range(0, len(words), _ROWS):
        part = slice(begin, begin + _ROWS)
        word_in = law.word_in[:, :, words[part]]
        np.einsum("nk,zkn->nz", law.class_after[previous[part]], word_in, out=found[part])
    return found


def _by_previous(law: Law, words: Words, offsets: Ints) -> Iterator[tuple[Ints, Floats]]:
    """Positions that follow the same word, with the law after it by topic; [m] and [Z, W]."""
    previous = _previous(law, words, offsets)
    order = np.argsort(previous, kind="stable")
    for group in np.split(order, np.flatnonzero(np.diff(previous[order])) + 1):
        following = law.after(int(previous[group[0]]))
        most = max(1, _PRODUCT // following.size)
        for begin in range(0, len(group), most):
            yield group[begin : begin + most], following
