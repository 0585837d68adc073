"""Which parts of a model phones train, and so which graph of a training step they run.

Tensors with a row per token (the embedding, the output layer) are most of a small model: 68% of
Gboard's. They may stay as version 0 has them. The matrices between them may move within a subspace
of few rows: a low-rank adapter W + P B (LoRA, Hu et al., ICLR 2022, arXiv 2106.09685) of which P is
drawn once and B alone is trained from 0 and sent (FFA-LoRA, Sun et al., ICLR 2024, arXiv
2403.12313), so that the mean of the phones' P B is P times the mean of their B, which a mean of two
trained factors is not. P stays the same for the whole run: then every update is in the same
coordinates, whatever version it started from, and so is what a server optimiser remembers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.model.spec import WORD_ROWS, ModelSpec, flop_per_token, shapes
from gboard_sim.seeds import stream

WordRows = Literal["all", "typed", "frozen"]
"""Of the tensors with a row per token: all rows are trained and sent; all are trained, and those of
words that the phone typed sent; or none is trained."""

Basis = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Step:
    """What one graph of a training step trains.

    Attributes:
        word_rows: Whether tensors with a row per token.
        adapted: Whether every other matrix has an adapter, which is trained instead of it.
    """

    word_rows: bool
    adapted: bool


STEPS: Mapping[str, Step] = {
    "train_step": Step(word_rows=True, adapted=False),
    "train_step_frozen": Step(word_rows=False, adapted=False),
    "train_step_adapted": Step(word_rows=True, adapted=True),
    "train_step_frozen_adapted": Step(word_rows=False, adapted=True),
}
"""The graphs of a training step, by name."""

SHIPPED = (*STEPS, "score", "predict")
"""The graphs of a catalogue entry: a phone's `train_step` is one of `STEPS`."""


@dataclass(frozen=True, slots=True)
class TrainedParts:
    """What phones train of a model.

    Attributes:
        word_rows: Which rows of the tensors with a row per token.
        rank: Rank of the adapters of all other matrices; None trains these themselves. Vectors are
            trained in any case.
        seed: Keys the adapters' bases.
    """

    word_rows: WordRows = "all"
    rank: int | None = None
    seed: int = 0

    @property
    def step(self) -> str:
        """The name of the graph that trains them."""
        asked = Step(self.word_rows != "frozen", self.rank is not None)
        return next(name for name, step in STEPS.items() if step == asked)

    @property
    def everything(self) -> bool:
        """Whether no part is left out."""
        return self.step == "train_step"

    def bases(self, spec: ModelSpec) -> dict[str, Basis]:
        """The P of every matrix with an adapter: orthonormal columns, of random direction.

        That is Q of the QR decomposition of a normal matrix, uniform over subspaces (Mezzadri 2007,
        arXiv math-ph/0609050, up to signs, which the span does not know).
        """
        if self.rank is None:
            return {}
        made = {}
        for place, (name, (rows, _)) in enumerate(adapted_shapes(spec).items()):
            normal = stream(self.seed, "adapters", place).standard_normal((rows, self.rank))
            made[name] = np.linalg.qr(normal).Q.astype(np.float32)
        return made

    def flop_per_token(self, spec: ModelSpec, vocabulary: int) -> float:
        """Floating-point operations to train on one token; see `spec.flop_per_token`.

        Of the six per parameter, two are for its gradient, which only what is trained needs.
        """
        flop = flop_per_token(spec, vocabulary)
        if self.word_rows == "frozen":
            looked_up = () if spec.tied else ("embedding",)
            sizes = shapes(spec, vocabulary).items()
            flop -= 2.0 * sum(
                prod(shape) for name, shape in sizes if name in WORD_ROWS and name not in looked_up
            )
        if self.rank is not None:
            for rows, columns in adapted_shapes(spec).values():
                flop -= 2.0 * (rows * columns - self.rank * (rows + columns))
        return flop


EVERYTHING = TrainedParts()


def adapted_shapes(spec: ModelSpec) -> dict[str, tuple[int, int]]:
    """The shapes of the matrices that can have an adapter: those without a row per token."""
    return {
        name: (shape[0], shape[1])
        for name, shape in shapes(spec, spec.vocabulary).items()
        if len(shape) == 2 and name not in WORD_ROWS
    }
