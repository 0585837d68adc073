"""What a suggestion strip does for people who type some messages: the figures of a keyboard team.

A message of n words shows the strip of next words n + 1 times: before its first letter and after
every word. *Recall* is the share of the words that were among the three shown; *prediction-
impression recall* (Hard et al. 2018) divides by the times that the strip was shown, so it is lower.
*Click-through* is the share of those that were tapped, and depends on people; see `ACCEPTANCE`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from gboard_sim.keyboard import keystrokes
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.keyboard.keystrokes import NEVER, taken_after

STRIP = 3
"""Words shown at once."""

ACCEPTANCE = 0.0235 / 0.1375
"""The chance that a person taps a word that is right, whenever it is shown (assumed to be the same
for every word and place): Hard et al. 2018 measured a click-through of 2.35% where 13.75% of the
impressions had the right word. Of their n-gram keyboard, 2.13% and 11.05%, it would be 0.193."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Typed:
    """Messages as they were typed, word by word.

    Attributes:
        owner: Who typed each message. Shape [messages].
        offsets: Message `i` has words `offsets[i]` to `offsets[i + 1]`. Shape [messages + 1].
        letters: Letters of each word. Shape [words].
        taken: Letters typed before the strip showed it, or `NEVER`. Shape [words].
        slot: Its place in the strip before its first letter, or `NEVER`. Shape [words].
        known: Whether the keyboard has it. Shape [words].
    """

    owner: Integers
    offsets: Integers
    letters: Integers
    taken: Integers
    slot: Integers
    known: npt.NDArray[np.bool_]

    def of(self, messages: npt.NDArray[np.bool_]) -> "Typed":
        """Some of the messages.

        Args:
            messages: Which. Shape [messages].
        """
        lengths = np.diff(self.offsets)
        words = np.repeat(messages, lengths)
        kept = np.concatenate([[0], np.cumsum(lengths[messages])])
        columns = (getattr(self, field.name)[words] for field in fields(self)[2:])
        return Typed(self.owner[messages], kept, *columns)


@dataclass(frozen=True, slots=True)
class StripFigures:
    """What the strip did; shares are NaN of nothing.

    Attributes:
        messages: Messages typed.
        words: Words typed.
        impressions: Times that the strip of next words was shown.
        unknown: Share of the words that the keyboard does not have.
        recall_at_1: Share of the words that were first in the strip.
        recall_at_3: Share of the words in the strip.
        impression_recall_at_1: The same by impressions.
        impression_recall_at_3: The same by impressions.
        click_through: Expected share of the impressions with a tap, at `ACCEPTANCE`.
        savings: Keystroke savings of a person who takes a word as soon as it is shown.
        savings_expected: Those of a person who takes it with a chance of `ACCEPTANCE`.
        savings_vocabulary: Those of a model that is perfect for the words it has.
        savings_perfect: Those of a perfect model.
    """

    messages: int
    words: int
    impressions: int
    unknown: float
    recall_at_1: float
    recall_at_3: float
    impression_recall_at_1: float
    impression_recall_at_3: float
    click_through: float
    savings: float
    savings_expected: float
    savings_vocabulary: float
    savings_perfect: float


def type_out(
    keyboard: Keyboard, messages: Sequence[Sequence[str]], owner: Integers, has: Collection[str]
) -> Typed:
    """Type some messages and note when each word was shown.

    Args:
        keyboard: The keyboard.
        messages: Words of each.
        owner: Who types each. Shape [messages].
        has: The words that the keyboard may show.
    """
    taken, slot = [], []
    for message in messages:
        for place, word in enumerate(message):
            if word not in has:
                taken.append(NEVER)
                slot.append(NEVER)
                continue
            before = message[:place]

            def shown(typed: str, before: Sequence[str] = before) -> list[str]:
                return [word for word, _ in keyboard.ranked(before, typed, STRIP)]

            first = shown("")
            slot.append(first.index(word) if word in first else NEVER)
            taken.append(0 if word in first else taken_after(word, shown))
    words = [word for message in messages for word in message]
    return Typed(
        owner=owner,
        offsets=np.concatenate([[0], np.cumsum([len(message) for message in messages])]).astype(
            int
        ),
        letters=np.array([len(word) for word in words], np.int64),
        taken=np.array(taken, np.int64),
        slot=np.array(slot, np.int64),
        known=np.array([word in has for word in words], np.bool_),
    )


def figures(typed: Typed) -> StripFigures:
    """The strip's figures on some messages."""
    words, messages = len(typed.letters), len(typed.owner)
    first, shown = int((typed.slot == 0).sum()), int((typed.slot != NEVER).sum())
    impressions = words + messages
    return StripFigures(
        messages=messages,
        words=words,
        impressions=impressions,
        unknown=_share(words - int(typed.known.sum()), words),
        recall_at_1=_share(first, words),
        recall_at_3=_share(shown, words),
        impression_recall_at_1=_share(first, impressions),
        impression_recall_at_3=_share(shown, impressions),
        click_through=ACCEPTANCE * _share(shown, impressions),
        savings=keystrokes.savings(typed.letters, typed.taken),
        savings_expected=_share(
            float((typed.letters + 1).sum()) - float(expected_keys(typed).sum()),
            float((typed.letters + 1).sum()),
        ),
        savings_vocabulary=keystrokes.perfect_in_vocabulary(typed.letters, typed.known),
        savings_perfect=keystrokes.perfect(typed.letters),
    )


def expected_keys(typed: Typed, acceptance: float = ACCEPTANCE) -> npt.NDArray[np.float64]:
    """Expected keystrokes of each word where a shown word is taken by chance. Shape [words].

    A word that is shown stays in the strip while it is typed, because each letter leaves fewer to
    compete with; every letter is a chance to take it. Words typed to their end cost a space.

    Args:
        typed: The words.
        acceptance: The chance at each letter.
    """
    without = (typed.letters + 1).astype(np.float64)
    if acceptance == 0.0:
        return without
    passed = 1.0 - acceptance
    chances = np.where(typed.taken == NEVER, 0, typed.letters - typed.taken)
    typed_on = passed * (1.0 - passed**chances) / acceptance  # letters before the tap: geometric
    expected: npt.NDArray[np.float64] = without - (chances - typed_on)
    return expected


def by_owner(typed: Typed, least_words: int) -> dict[str, Any]:
    """How savings and recall differ between people: three percentiles, and all values ascending.

    Args:
        typed: The messages.
        least_words: People with fewer words are left out.
    """
    lengths = np.diff(typed.offsets)
    who = np.repeat(typed.owner, lengths)
    owners, inverse = np.unique(who, return_inverse=True)
    words = np.bincount(inverse, minlength=len(owners))
    without = np.bincount(inverse, typed.letters + 1, len(owners))
    keys = np.bincount(inverse, keystrokes.keys(typed.letters, typed.taken), len(owners))
    recalled = np.bincount(inverse, typed.slot != NEVER, len(owners))
    enough = words >= least_words
    found: dict[str, Any] = {"people": int(enough.sum()), "least_words": least_words}
    for name, values in (("savings", 1 - keys / without), ("recall_at_3", recalled / words)):
        spread = np.percentile(values[enough], [10, 50, 90]) if enough.any() else [None] * 3
        found[name] = dict(zip(("p10", "p50", "p90"), spread, strict=True))
        found[name]["values"] = np.sort(values[enough]).tolist()
    return found


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
