"""What Smart Compose is worth on real messages: precision, coverage and keystrokes by confidence.

A message of n words has n + 1 boundaries: a keyboard does not know that the last word was the last,
so what it offers after it is wrong. At a boundary the longest continuation above the confidence is
offered, and it is right only if all its words are typed next.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim.keyboard.compose import FEWEST, MOST, Continuation, Ranked, continuations
from gboard_sim.keyboard.phrases import Phrases

LEAST = 0.1
"""Continuations that are less probable are not looked for (assumed)."""

CONFIDENCES = np.round(np.arange(LEAST, 1.0, 0.01), 2)
"""The confidences of the curve, and those that are chosen from."""

WANTED = 0.5
"""Least precision of a choice: one offer in two is right."""

Z_95 = 1.959963984540054
"""The 97.5% point of the normal distribution."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Offers:
    """The best continuations at every boundary of some messages, by length.

    Attributes:
        probability: What the model gives the best of each length, 0 where that is below `LEAST`.
            Shape [boundaries, lengths].
        right: Whether all its words are the next ones. Shape [boundaries, lengths].
    """

    probability: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Point:
    """One confidence of the curve.

    Attributes:
        confidence: Least probability of what is offered.
        boundaries: Word boundaries.
        offered: Those at which something was offered.
        right: Those at which it was right.
    """

    confidence: float
    boundaries: int
    offered: int
    right: int

    @property
    def precision(self) -> float:
        """Share of the offers that were right; NaN without offers."""
        return self.right / self.offered if self.offered else float("nan")

    @property
    def precision_low(self) -> float:
        """The lower end of precision's 95% interval."""
        return wilson_low(self.right, self.offered)

    @property
    def coverage(self) -> float:
        """Share of the boundaries with an offer."""
        return self.offered / self.boundaries if self.boundaries else float("nan")


def wilson_low(right: int, of: int) -> float:
    """The lower end of the 95% interval of a share (Wilson, JASA 1927); 0 of nothing."""
    if not of:
        return 0.0
    share, z2 = right / of, Z_95**2
    spread = Z_95 * float(np.sqrt(share * (1 - share) / of + z2 / (4 * of**2)))
    return max(0.0, (share + z2 / (2 * of) - spread) / (1 + z2 / of))


def expected(ranked: Ranked, messages: Sequence[Sequence[str]]) -> list[list[Continuation]]:
    """What a model would offer at every boundary of some messages."""
    return [
        continuations(ranked, message[:place], LEAST)
        for message in messages
        for place in range(len(message) + 1)
    ]


def remembered(messages: Iterable[tuple[Sequence[str], bool]]) -> list[list[Continuation]]:
    """What one person's own phrases would offer at every boundary of some of their messages.

    Args:
        messages: All of them in the order of time, each with whether it is asked about; a message
            is remembered once it has been typed.
    """
    phrases, found = Phrases(), []
    for message, asked in messages:
        if asked:
            found += [phrases.continuations(message[:place]) for place in range(len(message) + 1)]
        phrases.remember(message)
    return found


def offers(messages: Sequence[Sequence[str]], found: Sequence[Sequence[Continuation]]) -> Offers:
    """Hold continuations against what was typed next.

    Args:
        messages: Words of each.
        found: The continuations at every boundary of theirs.
    """
    probability = np.zeros((len(found), MOST - FEWEST + 1))
    right = np.zeros(probability.shape, np.bool_)
    boundaries = ((message, place) for message in messages for place in range(len(message) + 1))
    for row, ((message, place), here) in enumerate(zip(boundaries, found, strict=True)):
        for each in here:
            length = len(each.words)
            if each.probability >= LEAST:
                probability[row, length - FEWEST] = each.probability
                following = tuple(message[place : place + length])
                right[row, length - FEWEST] = each.words == following
    return Offers(probability, right)


def lengths(found: Offers, confidence: float) -> Integers:
    """Words offered at each boundary, 0 for no offer. Shape [boundaries]."""
    enough = (found.probability >= confidence).sum(axis=1)
    return np.where(enough > 0, enough + FEWEST - 1, 0)


def hits(found: Offers, offered: Integers) -> npt.NDArray[np.bool_]:
    """Whether what is offered at each boundary is right; see `lengths`. Shape [boundaries]."""
    rows = np.arange(len(offered))
    return (offered > 0) & found.right[rows, np.maximum(offered - FEWEST, 0)]


def point(found: Offers, confidence: float) -> Point:
    """Precision and coverage at one confidence."""
    offered = lengths(found, confidence)
    right = int(hits(found, offered).sum())
    return Point(float(confidence), len(offered), int((offered > 0).sum()), right)


def curve(found: Offers) -> list[Point]:
    """Precision and coverage at every confidence of `CONFIDENCES`."""
    return [point(found, confidence) for confidence in CONFIDENCES]


def chosen(found: Offers, wanted: float = WANTED) -> float | None:
    """The confidence with the most offers whose precision is enough, or None.

    Enough is the lower end of the 95% interval, because a choice is an optimist: among many
    confidences with few offers each, one is above a half by luck.

    Args:
        found: The offers on validation messages.
        wanted: Least precision.
    """
    enough = [each for each in curve(found) if each.precision_low >= wanted]
    return max(enough, key=lambda each: each.offered).confidence if enough else None


def keys_with(found: Offers, confidence: float, offsets: Integers, keys: Integers) -> int:
    """Keystrokes where every right offer is taken with one tap, and the strip does the rest.

    Args:
        found: The offers.
        confidence: Least confidence of an offer.
        offsets: Message `i` has words `offsets[i]` to `offsets[i + 1]`. Shape [messages + 1].
        keys: Keystrokes of each word with the strip alone. Shape [words].
    """
    offered = lengths(found, confidence)
    taken = np.where(hits(found, offered), offered, 0)
    total = int(keys.sum())
    for message in range(len(offsets) - 1):
        word, end = int(offsets[message]), int(offsets[message + 1])
        while word < end:
            many = int(taken[word + message])  # every message before has a boundary more than words
            total += 1 - int(keys[word : word + many].sum()) if many else 0
            word += max(many, 1)
    return total
