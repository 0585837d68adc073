"""Smart Compose: the words to come, several at once, where the model is sure enough of all of them.

A continuation is right only if every one of its words is typed next, so its confidence is the
probability of all of them. No more than 1 / p continuations of one length can have a probability
of p, and none has more than the words that it begins with: a beam of those above the least
confidence that matters finds the most probable continuation exactly, in few steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log

FEWEST = 2
"""Words of the shortest continuation: one word is what the strip is for."""

MOST = 4
"""Words of the longest (assumed)."""

Ranked = Callable[[Sequence[str], int], Sequence[tuple[str, float]]]
"""The most probable words after some words, and how many are wanted; see `Keyboard.ranked`."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """Words that may come next.

    Attributes:
        words: In order; `FEWEST` at least.
        probability: That all of them are the next, as the model sees it.
    """

    words: tuple[str, ...]
    probability: float


def continuations(
    ranked: Ranked, before: Sequence[str], least: float, most: int = MOST
) -> list[Continuation]:
    """The most probable continuation of every length that has one of `least` or more.

    Args:
        ranked: The model.
        before: The line's words so far.
        least: Least probability, above 0.
        most: Most words of a continuation.

    Returns:
        The shortest first; each is at most as probable as the one before.
    """
    if not least > 0:
        raise ValueError(f"least = {least}; allowed: above 0")
    width, floor = int(1 / least) + 1, log(least)
    beam: list[tuple[float, tuple[str, ...]]] = [(0.0, ())]
    found = []
    for length in range(1, most + 1):
        beam = [
            (score + more, (*words, word))
            for score, words in beam
            for word, more in ranked([*before, *words], width)
            if score + more >= floor
        ]
        if not beam:
            break
        if length >= FEWEST:
            score, words = min(beam, key=lambda found: (-found[0], found[1]))
            found.append(Continuation(words, exp(score)))
    return found


def surest(*found: Sequence[Continuation]) -> list[Continuation]:
    """Of each length the most probable continuation of several sources, the shortest first."""
    best: dict[int, Continuation] = {}
    for each in (each for source in found for each in source):
        length = len(each.words)
        if length not in best or each.probability > best[length].probability:
            best[length] = each
    return [best[length] for length in sorted(best)]
