"""What of an update travels: the parts that phones train, as one compact vector.

```
compact = whole tensors that are trained, P' D of those with an adapter; in the layout's order
```

of an update D (Konecny et al. 2016, arXiv 1610.05492, call both structured updates). The clip, the
noise, the codec, the sum and the server's optimiser see compact vectors alone, so that what is not
trained stays as version 0 has it, bit for bit, under every optimiser.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.model.spec import WORD_ROWS, ModelSpec, Tensor, layout
from gboard_sim.learning.model.trained_parts import Basis, TrainedParts
from gboard_sim.learning.server_optimizers import ServerOptimizer
from gboard_sim.learning.server_optimizers.optimizer import State
from gboard_sim.seam.records import Floats, Vector

Real = TypeVar("Real", np.float32, np.float64)


@dataclass(frozen=True, slots=True)
class _Part:
    """One tensor that travels.

    Attributes:
        tensor: Where it lies in the whole vector.
        basis: The P of its adapter, None where it travels as it is. Shape [rows, rank].
        at: Where it lies in the compact vector.
    """

    tensor: Tensor
    basis: Basis | None
    at: slice


class Wire:
    """Takes whole vectors to compact ones, and back.

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        parts: What phones train.

    Attributes:
        everything: Whether the compact vector is the whole one.
        vocabulary: Token ids V.
        parameters: Length C of the compact vector.
        whole: Length P of the whole vector.
    """

    def __init__(self, spec: ModelSpec, vocabulary: int, parts: TrainedParts) -> None:
        self.everything = parts.everything
        self.vocabulary = vocabulary
        tensors = layout(spec, vocabulary)
        self.whole = tensors[-1].offset + tensors[-1].size
        bases = parts.bases(spec)
        self._parts: list[_Part] = []
        at = 0
        for tensor in tensors:
            if parts.word_rows == "frozen" and tensor.name in WORD_ROWS:
                continue
            basis = bases.get(tensor.name)
            size = tensor.size if basis is None else basis.shape[1] * tensor.shape[1]
            self._parts.append(_Part(tensor, basis, slice(at, at + size)))
            at += size
        self.parameters = at

    def shrink(self, vector: npt.NDArray[Real]) -> npt.NDArray[Real]:
        """What travels of an update, or of parameters. Shape [P] to shape [C]."""
        if self.everything:
            return vector
        compact = np.empty(self.parameters, vector.dtype)
        for part in self._parts:
            values = vector[part.tensor.slice]
            if part.basis is not None:
                values = _sums("ir,ic->rc", part.basis, values.reshape(part.tensor.shape))
            compact[part.at] = values
        return compact

    def moved(self, parameters: Vector, step: Vector) -> Vector:
        """Parameters after a step that travelled. Shape [P] and [C] to shape [P]."""
        if self.everything:
            made: Vector = parameters + step
            return made
        before = self.shrink(parameters)
        return self._grown(parameters, before, before + step)

    def numbers(self, words: int) -> int:
        """Numbers that `pick` leaves of a compact vector for so many words."""
        rows = sum(part.tensor.size for part in self._parts if part.tensor.name in WORD_ROWS)
        return self.parameters - rows + rows // self.vocabulary * words

    def pick(self, compact: Vector, words: npt.NDArray[np.integer]) -> Vector:
        """A compact vector with the rows of some words alone, and all that has no such rows."""
        pieces = []
        for part in self._parts:
            values = compact[part.at]
            if part.tensor.name in WORD_ROWS:
                values = values.reshape(self.vocabulary, -1)[words].ravel()
            pieces.append(values)
        return np.concatenate(pieces)

    def place(self, picked: Vector, words: npt.NDArray[np.integer]) -> Vector:
        """The compact vector of what was picked; the rows of other words are 0. Shape [C]."""
        compact = np.zeros(self.parameters, np.float32)
        at = 0
        for part in self._parts:
            if part.tensor.name in WORD_ROWS:
                rows = compact[part.at].reshape(self.vocabulary, -1)
                taken = picked[at : at + len(words) * rows.shape[1]]
                rows[words] = taken.reshape(-1, rows.shape[1])
            else:
                taken = picked[at : at + part.at.stop - part.at.start]
                compact[part.at] = taken
            at += len(taken)
        return compact

    def through(self, optimizer: ServerOptimizer) -> ServerOptimizer:
        """The server optimiser in compact vectors, but for the parameters that it moves."""
        if self.everything:
            return optimizer

        def init(parameters: Vector) -> State:
            return optimizer.init(self.shrink(parameters))

        def apply(
            state: State, parameters: Vector, mean_update: Floats, learning_rate: float
        ) -> tuple[State, Vector]:
            before = self.shrink(parameters)
            state, after = optimizer.apply(state, before, mean_update, learning_rate)
            return state, self._grown(parameters, before, after)

        return ServerOptimizer(optimizer.name, init, apply)

    def _grown(self, parameters: Vector, before: Vector, after: Vector) -> Vector:
        """The parameters after what travels of them has moved from `before` to `after`."""
        grown = parameters.copy()
        for part in self._parts:
            if part.basis is None:
                grown[part.tensor.slice] = after[part.at]
                continue
            step = np.subtract(after[part.at], before[part.at], dtype=np.float64)
            rows = step.reshape(part.basis.shape[1], -1)
            grown[part.tensor.slice] += _sums("ir,rc->ic", part.basis, rows)
        return grown


def _sums(subscripts: str, left: Basis, right: npt.NDArray[Real]) -> npt.NDArray[Real]:
    """A matrix product, flat; its bits do not depend on how many threads there are."""
    made: npt.NDArray[Real] = np.einsum(subscripts, left, right).ravel()
    return made
