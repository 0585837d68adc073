"""What a trainer does: local SGD, scoring, and one token at a time. Two are real.

`onnxruntime_trainer` runs the exported graphs as a phone does; `torch_trainer` runs the same
definition in torch, for many phones at once where it is told to. One conformance suite holds both
to the same numbers.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.model.spec import ModelSpec
from gboard_sim.learning.text.packing import Batch, Ids
from gboard_sim.seam.records import Vector


@dataclass(frozen=True, slots=True)
class Lesson:
    """What one phone is to train, beside others.

    Attributes:
        parameters: Where it starts. Shape [P].
        batches: Its batches, in order.
        steps: How many there are.
        learning_rate: Its SGD step size.
    """

    parameters: Vector
    batches: Iterable[Batch]
    steps: int
    learning_rate: float


@dataclass(frozen=True, slots=True)
class Trained:
    """What local training made.

    Attributes:
        parameters: The new parameters. Shape [P].
        loss: Mean nats per token over all steps, each measured before its update; NaN without a
            step.
        tokens: Tokens trained on.
        steps: SGD steps.
    """

    parameters: Vector
    loss: float
    tokens: int
    steps: int


@dataclass(frozen=True, slots=True)
class Scores:
    """How a model rates text. Padding is scored too; its numbers mean nothing.

    Attributes:
        log_probability: Of each target. Shape [B, T].
        top: Ids of the five most probable tokens, best first. Shape [B, T, 5].
    """

    log_probability: npt.NDArray[np.float32]
    top: Ids


@dataclass(frozen=True, slots=True)
class Carry:
    """A recurrent state between two typed tokens.

    Attributes:
        out: The recurrent output. Shape [B, R].
        state: The cell's state. Shape [B, U].
    """

    out: npt.NDArray[np.float32]
    state: npt.NDArray[np.float32]

    def at(self, where: npt.NDArray[np.integer] | slice) -> "Carry":
        """Some of the states."""
        return Carry(self.out[where], self.state[where])


def empty_carry(spec: ModelSpec, lanes: int) -> Carry:
    """The state before anything was typed."""
    return Carry(
        np.zeros((lanes, spec.recurrent), np.float32), np.zeros((lanes, spec.units), np.float32)
    )


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model offers after one token.

    Attributes:
        top: The most probable next ids, best first. Shape [B, 5].
        log_probability: Theirs. Shape [B, 5].
        carry: The state to go on from.
    """

    top: Ids
    log_probability: npt.NDArray[np.float32]
    carry: Carry


class Trainer(Protocol):
    """Trains and runs one model over one vocabulary; the same arguments give the same bits."""

    def train(self, parameters: Vector, batches: Iterable[Batch], learning_rate: float) -> Trained:
        """One SGD step per batch, from `parameters`, which are left as they were."""
        ...

    def train_together(self, lessons: Sequence[Lesson]) -> list[Trained]:
        """Train several phones, each from its own parameters: as `train`, to rounding."""
        ...

    def score(self, parameters: Vector, batch: Batch) -> Scores:
        """Rate every target of a batch."""
        ...

    def predict(self, parameters: Vector, token: Ids, carry: Carry) -> Prediction:
        """What may follow `token` [B], given what was typed before it."""
        ...
