"""What a model says at every word of some messages, when every token is a whole word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.text.store import TextRows
from gboard_sim.learning.trainers.trainer import Trainer
from gboard_sim.seam.records import Ints, Vector

SHOWN = 3
"""Words in a keyboard's suggestion strip (Hard et al. 2018, arXiv 1811.03604)."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What the model said at every word of some messages.

    Attributes:
        logprob: Natural log of the probability of the word that was typed. Shape [words].
        shown: The three words shown, as lexicon ids, best first, -1 for none. Shape [words, 3].
        answer: The most probable symbol, as a lexicon id, -1 for a special one. Shape [words].
    """

    logprob: npt.NDArray[np.float32]
    shown: npt.NDArray[np.int32]
    answer: npt.NDArray[np.int32]

    @classmethod
    def joined(cls, parts: Sequence["Scored"]) -> "Scored":
        """What was said of several parts, of which there may be none, one after the other."""
        nothing = cls(
            np.empty(0, np.float32), np.empty((0, SHOWN), np.int32), np.empty(0, np.int32)
        )
        every = [nothing, *parts]
        return cls(
            np.concatenate([part.logprob for part in every]),
            np.concatenate([part.shown for part in every]),
            np.concatenate([part.answer for part in every]),
        )


class WordScorer(Protocol):
    """Scores messages in words, whatever the tokens are."""

    def score(self, rows: TextRows, chosen: Ints, parameters: Vector) -> Scored:
        """What the model with `parameters` says at every word of the rows `chosen`, in order."""
        ...


class WholeWordScorer:
    """Scores messages under a `word` tokenizer: a token is a word.

    Args:
        trainer: Runs the model.
        lane: Tokens in a lane.
        word_of_token: Lexicon id of each token, -1 for `<unk>` and `<s>`. Shape [V].
    """

    def __init__(self, trainer: Trainer, lane: int, word_of_token: npt.NDArray[np.int32]) -> None:
        self._trainer = trainer
        self._lane = lane
        self._word_of_token = word_of_token

    def score(self, rows: TextRows, chosen: Ints, parameters: Vector) -> Scored:
        """See `WordScorer.score`."""
        batch = rows.token_store().pack(chosen, self._lane)
        scores = self._trainer.score(parameters, batch)
        top = self._word_of_token[scores.top.reshape(-1, scores.top.shape[-1])[batch.positions]]
        # The five most probable tokens hold at least three words: only two are special.
        by_word_first = np.argsort(top < 0, axis=1, kind="stable")[:, :SHOWN]
        return Scored(
            logprob=scores.log_probability.ravel()[batch.positions],
            shown=np.take_along_axis(top, by_word_first, axis=1),
            answer=top[:, 0],
        )
