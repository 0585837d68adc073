"""The most that Smart Compose can do on text drawn from the synthetic law.

Whoever knows the law but not the topic has, at every boundary of a message, a probability for each
pair of words to come: the topics' posterior weighs the two steps, and the law's lengths say how
likely two more words are. The best pair is the one of the largest probability, and offering it
wherever that is largest is the best rule: of all sets of boundaries whose mean probability is one
half, it is the largest. These are the true probabilities, so they carry no noise from the text.

Longer continuations are never more probable than the pairs that they begin with: they add nothing
to coverage.
"""

import numpy as np

from gboard_sim import ranges
from gboard_sim.learning.baselines.ngram_counts import Words
from gboard_sim.learning.law.ceiling import posterior
from gboard_sim.learning.law.law import Law
from gboard_sim.seam.records import Flags, Floats, Ints

LEAST = 0.1
"""Pairs that are less probable count as impossible (assumed): a lower bound, and hardly lower."""


def pair_probabilities(law: Law, words: Words, offsets: Ints, known: Flags) -> Floats:
    """The probability of the best pair at every boundary, 0 where it is below `LEAST`.

    Args:
        law: The law that the text was drawn from.
        words: Word ids of the law. Shape [w].
        offsets: Message `i` is `words[offsets[i]:offsets[i + 1]]`. Shape [n + 1].
        known: Which word ids may be offered.

    Returns:
        A message of m words has m + 1 boundaries. Shape [w + n].
    """
    # A word behind each message makes a position of the boundary after its last; none is read.
    ends = offsets[1:]
    extended = np.insert(words, ends, 0)
    starts = offsets + np.arange(len(offsets))
    belief = posterior(law, extended, starts)
    previous = np.empty(len(extended), np.int64)
    previous[1:] = extended[:-1]
    previous[starts[:-1]] = law.start
    place = ranges.places(np.diff(starts))
    goes_on = _goes_on(law.length_share)[np.minimum(place, len(law.length_share) - 1)]
    best = np.zeros(len(extended))
    following = [law.after(word) for word in range(len(law.words) + 1)]
    barred = ~known
    for row in np.flatnonzero(goes_on >= LEAST):
        first = belief[row] @ following[previous[row]]
        first[barred] = 0.0
        for word in np.argsort(-first)[: int(1 / LEAST) + 1]:
            if first[word] * goes_on[row] < max(LEAST, best[row]):
                break
            second = (belief[row] * following[previous[row]][:, word]) @ following[word]
            second[barred] = 0.0
            best[row] = max(best[row], goes_on[row] * float(second.max()))
    best[best < LEAST] = 0.0
    return best


def best_coverage(probability: Floats, precision: float) -> float:
    """The largest share of the boundaries whose mean probability is at least `precision`.

    Args:
        probability: Of the best pair at each. Shape [boundaries].
        precision: Above `LEAST`.
    """
    surest = np.sort(probability)[::-1]
    mean = np.cumsum(surest) / np.arange(1, len(surest) + 1)
    return int((mean >= precision).sum()) / len(surest)  # the mean never rises


def _goes_on(length_share: Floats) -> Floats:
    """Probability of two more words after each number of words. Shape [cap + 1]."""
    reached = np.append(np.cumsum(length_share[::-1])[::-1], [0.0, 0.0])
    goes_on: Floats = np.divide(
        reached[2:], reached[:-2], out=np.zeros(len(length_share)), where=reached[:-2] > 0
    )
    return goes_on
