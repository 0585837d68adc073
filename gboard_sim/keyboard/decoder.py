"""From taps to words: a spatial decoder proposes, the language model re-ranks.

The decoder knows how many letters were tapped and takes the words of the list with that many whose
keys are the likeliest under the taps; a word's score is log P(taps | word) + weight * log P(word |
words before). At weight 0 that is the decoder alone. Nothing that is not in the list is proposed,
so a person who means another word is always misread; those intents are counted.

Assumed: a space is always hit; no letter is left out or added; what stands before is right, because
the person corrects it; a word with a digit, an apostrophe or another letter is not tapped on these
keys and not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim import seeds
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.keyboard.touch import Floats, codes, landed, log_likelihoods, on_keys

PROPOSED = 20
"""Words that the language model re-ranks (assumed)."""

WEIGHTS = np.round(np.arange(0.0, 2.01, 0.1), 1)
"""The weights of the language model that are chosen from."""


class Decoder:
    """The spatial decoder over a list of words.

    Args:
        words: The words; those that cannot be tapped are left out.
    """

    def __init__(self, words: Sequence[str]) -> None:
        by_length: dict[int, list[str]] = {}
        for word in filter(on_keys, words):
            by_length.setdefault(len(word), []).append(word)
        self._words = by_length
        self._codes = {
            length: np.array([codes(word) for word in same]) for length, same in by_length.items()
        }

    def proposed(self, likelihoods: Floats, most: int = PROPOSED) -> list[tuple[str, float]]:
        """The likeliest words and their log-likelihoods, the best first.

        Args:
            likelihoods: Of each tap under each key. Shape [taps, 26].
            most: Most words.
        """
        length = len(likelihoods)
        if length not in self._words:
            return []
        scores = likelihoods[np.arange(length), self._codes[length]].sum(axis=1)
        best = np.argsort(-scores, kind="stable")[:most]
        return [(self._words[length][place], float(scores[place])) for place in best]


@dataclass(frozen=True, slots=True, eq=False)
class Tapped:
    """Words that were tapped, and what they may have been.

    Attributes:
        spatial: Log-likelihood of each proposed word, -inf for none. Shape [words, PROPOSED].
        language: Its log-probability after the words before, 0 for none. Same shape.
        right: Whether it is the one that was meant. Same shape.
        known: Whether the list has what was meant. Shape [words].
        literal: Whether the keys that were hit spell it. Shape [words].
        left_out: Words of the text that cannot be tapped.
    """

    spatial: Floats
    language: Floats
    right: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    literal: npt.NDArray[np.bool_]
    left_out: int

    def wrong(self, weight: float) -> npt.NDArray[np.bool_]:
        """Whether each word is misread at a weight of the language model. Shape [words]."""
        best = (self.spatial + weight * self.language).argmax(axis=1)
        found: npt.NDArray[np.bool_] = ~self.right[np.arange(len(best)), best]
        return found


@dataclass(frozen=True, slots=True)
class WordError:
    """Shares of the tapped words that were misread.

    Attributes:
        words: Words tapped.
        left_out: Words of the text that cannot be tapped, not counted.
        weight: Of the language model.
        unknown: Share of the words that the list lacks; all are misread.
        literal: Word error of the keys that were hit, as they are.
        spatial: Of the decoder alone.
        rescored: With the language model.
        spatial_known: Of the decoder alone, among the words that the list has.
        rescored_known: With the language model, among them.
    """

    words: int
    left_out: int
    weight: float
    unknown: float
    literal: float
    spatial: float
    rescored: float
    spatial_known: float
    rescored_known: float


def tap(
    keyboard: Keyboard,
    decoder: Decoder,
    messages: Sequence[Sequence[str]],
    number: npt.NDArray[np.int64],
    seed: int,
) -> Tapped:
    """Tap some messages.

    Args:
        keyboard: The language model.
        decoder: Over the keyboard's words.
        messages: Words of each.
        number: A number of each, which with the seed names its taps. Shape [messages].
        seed: The experiment's seed.
    """
    rows: list[tuple[list[tuple[str, float]], list[float], str, bool]] = []
    left_out = 0
    for which, message in zip(number.tolist(), messages, strict=True):
        for place, word in enumerate(message):
            if not on_keys(word):
                left_out += 1
                continue
            letters = np.arange(len(word))
            noise = [seeds.normals(seed, f"tap/{axis}", which, place, letters) for axis in "xy"]
            likelihoods = log_likelihoods(landed(codes(word), np.stack(noise, axis=1)))
            proposed = decoder.proposed(likelihoods)
            language = keyboard.log_probabilities(message[:place], [each for each, _ in proposed])
            hit = bool((likelihoods.argmax(axis=1) == codes(word)).all())
            rows.append((proposed, language, word, hit))
    spatial = np.full((len(rows), PROPOSED), -np.inf)
    scored = np.zeros(spatial.shape)
    right = np.zeros(spatial.shape, np.bool_)
    for row, (proposed, language, word, _) in enumerate(rows):
        spatial[row, : len(proposed)] = [score for _, score in proposed]
        scored[row, : len(proposed)] = language
        right[row, : len(proposed)] = [each == word for each, _ in proposed]
    known = np.array([keyboard.has(word) for _, _, word, _ in rows], np.bool_)
    literal = np.array([hit for *_, hit in rows], np.bool_)
    return Tapped(spatial, scored, right, known, literal, left_out)


def chosen(tapped: Tapped) -> float:
    """The weight of `WEIGHTS` with the fewest words misread, the smallest of equals."""
    return float(min(WEIGHTS, key=lambda weight: int(tapped.wrong(weight).sum())))


def word_error(tapped: Tapped, weight: float) -> WordError:
    """The shares misread at a weight, NaN of nothing."""
    alone, rescored, known = tapped.wrong(0.0), tapped.wrong(weight), tapped.known
    return WordError(
        words=len(known),
        left_out=tapped.left_out,
        weight=weight,
        unknown=_mean(~known),
        literal=_mean(~tapped.literal),
        spatial=_mean(alone),
        rescored=_mean(rescored),
        spatial_known=_mean(alone[known]),
        rescored_known=_mean(rescored[known]),
    )


def _mean(flags: npt.NDArray[np.bool_]) -> float:
    return float(flags.mean()) if len(flags) else float("nan")
