"""What a keyboard would suggest unasked, and what a phone knows of it before it shows it.

Gboard's query suggestions have two stages (Yang et al. 2018, arXiv 1812.02903): a baseline
proposes, and a trigger model decides whether the proposal is shown. Text has neither queries nor
clicks, so both are stood in for by what it has: the most probable next word is proposed where the
model is surest, and it counts as clicked where the person typed that word next.

The features are those of the paper as far as text has them: the baseline's score, the clicks and
impressions of this person so far, in all and of this word, and the time. A phone knows them all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log1p

import numpy as np
import numpy.typing as npt

from gboard_sim.keyboard.compose import Ranked

PROPOSED = 0.2
"""Share of the word boundaries at which the baseline proposes a word (assumed)."""

PRIOR = (1.0, 4.0)
"""Clicks and impressions that a person, or a word, is taken to begin with (assumed)."""

FEATURES = (
    "bias",
    "score",  # log-odds that the model gives the word
    "margin",  # log of how many times as probable it is as the second
    "person_clicked",  # log-odds of a click of this person so far, from `PRIOR` on
    "person_seen",  # log of 1 + impressions of this person so far
    "word_clicked",  # the same of this word on this phone
    "word_seen",
    "letters",  # tenths of the word's letters: a long word is worth a look
    "words_before",  # log of 1 + the words before it in its message
    "hour_sine",  # the hour in UTC, on a circle; 0 where the text has no times
    "hour_cosine",
    "weekend",
)
"""Names of the features, of the order of 1 each."""

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """What was proposed to some people, person by person, in the order of time.

    Attributes:
        features: See `FEATURES`. Shape [proposals, features].
        clicked: Whether the word was typed next. Shape [proposals].
        first: Person `i` has proposals `first[i]` to `first[i + 1]`. Shape [people + 1].
        boundaries: Word boundaries at which the baseline was asked.
    """

    features: Floats
    clicked: Flags
    first: Integers
    boundaries: int


def baseline(ranked: Ranked, messages: Sequence[Sequence[str]]) -> float:
    """The baseline's rule: the log-probability from which it proposes at `PROPOSED` of boundaries.

    Args:
        ranked: The model.
        messages: Words of some messages, at least one.
    """
    best = [
        ranked(message[:place], 1)[0][1]
        for message in messages
        for place in range(len(message) + 1)
    ]
    return float(np.quantile(best, 1 - PROPOSED))


def proposals(
    ranked: Ranked, people: Sequence[Sequence[tuple[Sequence[str], float]]], least: float
) -> Proposals:
    """Ask the baseline at every boundary of some people's messages.

    Args:
        ranked: The model.
        people: The messages of each, in the order of time: words, and seconds since 1970 or NaN.
        least: Least log-probability of a word that is proposed.
    """
    rows, clicked, first, boundaries = [], [], [0], 0
    for messages in people:
        person, by_word = _Past(), dict[str, _Past]()
        for words, time_s in messages:
            clock = _clock(time_s)
            boundaries += len(words) + 1
            for place in range(len(words) + 1):
                best = ranked(words[:place], 2)
                if not best or best[0][1] < least:
                    continue
                word, score = best[0]
                margin = score - best[1][1] if len(best) > 1 else 0.0
                past = by_word.setdefault(word, _Past())
                known = (1.0, _log_odds(score), margin, *person.known(), *past.known())
                rows.append((*known, len(word) / 10, log1p(place), *clock))
                took = words[place : place + 1] == [word]
                clicked.append(took)
                person.add(took)
                past.add(took)
        first.append(len(rows))
    features = np.array(rows).reshape(len(rows), len(FEATURES))
    return Proposals(features, np.array(clicked, np.bool_), np.array(first), boundaries)


@dataclass(slots=True)
class _Past:
    """Clicks and impressions so far."""

    clicks: int = 0
    impressions: int = 0

    def add(self, took: bool) -> None:
        self.clicks += took
        self.impressions += 1

    def known(self) -> tuple[float, float]:
        """Log-odds of a click, and the log of 1 + impressions."""
        clicks, impressions = PRIOR[0] + self.clicks, PRIOR[1] + self.impressions
        return log(clicks / (impressions - clicks)), log1p(self.impressions)


def _log_odds(log_probability: float) -> float:
    """Of a probability below 1, whatever rounding made of it."""
    probability = min(exp(log_probability), 1 - 1e-6)
    return log(probability / (1 - probability))


def _clock(time_s: float) -> tuple[float, float, float]:
    """The hour on a circle, and whether it is the weekend; zeros of an unknown time."""
    if np.isnan(time_s):
        return 0.0, 0.0, 0.0
    days = time_s / 86400.0
    angle = 2 * np.pi * (days % 1.0)
    weekday = (int(days // 1) + 3) % 7  # 1970 began on a Thursday; Monday is 0
    return float(np.sin(angle)), float(np.cos(angle)), float(weekday >= 5)
