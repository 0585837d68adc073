"""One version of a model that writes words in pieces: what it says, and what can follow at best."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.evaluation.flat_bound import FlatBound
from gboard_sim.learning.evaluation.spellings import Spellings
from gboard_sim.learning.evaluation.token_spread import TokenSpread
from gboard_sim.learning.model.numpy_model import Activations, NumpyModel
from gboard_sim.learning.trainers.trainer import Carry
from gboard_sim.seam.records import Floats, Ints

_TOGETHER = 1024  # first pieces stepped over together (assumed): they stay in the cache
_LEAST = np.finfo(np.float32).tiny  # a smaller boundary counts as this much, not as log 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says after some states.

    Attributes:
        logits: Of every piece. Shape [B, V].
        log_total: What to take off the logits to get log-probabilities. Shape [B].
        boundary: Log-probability that the next piece begins a word. Shape [B].
    """

    logits: Activations
    log_total: Floats
    boundary: Floats

    def logprob(self, row: Ints, piece: npt.NDArray[np.integer]) -> Floats:
        """Log-probabilities of some pieces after some of the states."""
        found: Floats = self.logits[row, piece] - self.log_total[row]
        return found


class Version:
    """One version of the model with the spellings: what all searches under it share."""

    def __init__(self, model: NumpyModel, spellings: Spellings) -> None:
        self.model = model
        self.spellings = spellings
        self._begins = spellings.tree.begins_word.astype(np.float32)
        self._bound = FlatBound(model, spellings.tree.begins_word)
        self._first_reads: Activations | None = None
        self._spread: TokenSpread | None = None

    def read(self, carry: Carry) -> Reading:
        """What the model says after some states."""
        logits = self.model.logits(carry)
        logits -= logits.max(axis=1, keepdims=True)
        mass = np.exp(logits)
        total = mass.sum(axis=1)
        boundary = np.maximum(mass @ self._begins / total, _LEAST)
        return Reading(logits, np.log(total, dtype=np.float64), np.log(boundary, dtype=np.float64))

    def bound_after_any_first(self, carry: Carry) -> Floats:
        """A loose bound on what can follow each first piece: one step a state. [B, firsts]."""
        if self._spread is None:
            self._spread = TokenSpread(self.model, self._reads())
        return self._bound.around(*self._spread.after(carry))

    def bound_after_first(self, carry: Carry, state: Ints, first: Ints) -> Floats:
        """A close bound on what follows some first pieces, each after one of the states: a step.

        Args:
            carry: The states.
            state: Which of them. Shape [n].
            first: The piece, as a place in `Spellings.firsts`. Shape [n].
        """
        bound = np.empty(len(first))
        for start in range(0, len(first), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            after = self.model.step(carry.at(state[part]), self._reads()[first[part]])
            bound[part] = self._bound.after(self.model.features(after))
        return bound

    def _reads(self) -> Activations:
        """What the first pieces bring to the gates."""
        if self._first_reads is None:
            self._first_reads = self.model.read(self.spellings.first_pieces)
        return self._first_reads
