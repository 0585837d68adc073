"""Trains in torch, one phone or many at a time, in float32 or bfloat16: the way to a GPU."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gboard_sim.learning.model.definition import Kept, Text, predict, score
from gboard_sim.learning.model.spec import ModelSpec, layout
from gboard_sim.learning.model.trained_parts import EVERYTHING, TrainedParts
from gboard_sim.learning.text.packing import BOS, Batch, Ids
from gboard_sim.learning.trainers.descent import Descent
from gboard_sim.learning.trainers.trainer import Carry, Lesson, Prediction, Scores, Trained
from gboard_sim.seam.records import Vector

WORKSPACE = ":4096:8"
"""Without it cuBLAS may not repeat its bits (NVIDIA's cuBLAS manual, Results Reproducibility)."""


def _repeatable() -> None:
    """Make CUDA give the same bits again, as the processor does by itself."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", WORKSPACE)
    torch.use_deterministic_algorithms(True)
    # All memory is written before it is read. (The property is hidden from type checkers.)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _stacked(
    batches: Sequence[Batch],
) -> tuple[list[npt.NDArray[np.generic]], list[npt.NDArray[np.float32]]]:
    """Batches as arrays, as `Text` has them; lanes that a phone has not are padding.

    Returns:
        What is read and said [n, B, T], and what dropout keeps of it [n, T, B, width], if any.
    """
    lanes = max(len(batch.inputs) for batch in batches)
    shape = (len(batches), lanes, batches[0].inputs.shape[1])
    inputs, targets = np.full(shape, BOS, np.int32), np.full(shape, BOS, np.int32)
    reset, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for row, batch in enumerate(batches):
        own = slice(len(batch.inputs))
        inputs[row, own], targets[row, own] = batch.inputs, batch.targets
        reset[row, own], weight[row, own] = batch.reset, batch.weight
    kept = []
    if all(batch.kept is not None for batch in batches):
        for parts in zip(*(batch.kept for batch in batches if batch.kept), strict=True):
            whole = np.zeros((len(batches), shape[2], lanes, parts[0].shape[2]), np.float32)
            for row, part in enumerate(parts):
                whole[row, :, : part.shape[1]] = part
            kept.append(whole)
    return [inputs, targets, reset, weight], kept


class TorchTrainer:
    """A `Trainer` in torch. Scores and predictions are float32 whatever the products are.

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        device: Where to compute, such as `cpu` or `cuda`.
        precision: What matrix products are made in while training.
        parts: What is trained.
    """

    def __init__(
        self,
        spec: ModelSpec,
        vocabulary: int,
        device: str = "cpu",
        precision: Literal["float32", "bfloat16"] = "float32",
        parts: TrainedParts = EVERYTHING,
    ) -> None:
        self._spec = spec
        self._vocabulary = vocabulary
        self._layout = layout(spec, vocabulary)
        self._device = torch.device(device)
        self._products = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
        self._parts = parts
        self._alone: Descent | None = None
        torch.set_num_threads(1)  # phones run side by side in processes
        if self._device.type == "cuda":
            _repeatable()

    def _to(self, array: npt.NDArray[np.generic]) -> Tensor:
        """An array as a tensor where the model computes; always a copy."""
        return torch.tensor(array, device=self._device)

    def _text(self, batches: Sequence[Batch]) -> Text:
        """A batch of each phone as tensors [n, B, T]."""
        said, kept = _stacked(batches)
        factors = Kept(*map(self._to, kept)) if kept else ()
        inputs, targets, reset, weight = map(self._to, said)
        return Text(inputs, targets, reset, weight, factors)

    def _tensors(self, parameters: Vector) -> dict[str, Tensor]:
        """The named tensors of one model."""
        flat = self._to(parameters)
        return {tensor.name: flat[tensor.slice].view(tensor.shape) for tensor in self._layout}

    def _descent(self, phones: int) -> Descent:
        """Room for phones to train in."""
        return Descent(
            self._spec, self._vocabulary, phones, self._device, self._products, self._parts
        )

    def train(self, parameters: Vector, batches: Iterable[Batch], learning_rate: float) -> Trained:
        """See `Trainer.train`."""
        if self._alone is None:
            self._alone = self._descent(1)
        descent = self._alone
        descent.begin(0, parameters)
        rate = torch.tensor([learning_rate], device=self._device)
        steps = tokens = 0
        nats = 0.0
        for batch in batches:
            nats += descent.step(self._text([batch]), rate).item() * batch.tokens
            tokens += batch.tokens
            steps += 1
        return Trained(descent.parameters(0), nats / tokens if tokens else np.nan, tokens, steps)

    def train_together(self, lessons: Sequence[Lesson]) -> list[Trained]:
        """See `Trainer.train_together`.

        The phones are sorted by their steps, so that those that are not done yet are the first
        rows; the lanes of one step are padded to the most that a phone has there.
        """
        if len(lessons) == 1:
            [only] = lessons
            return [self.train(only.parameters, only.batches, only.learning_rate)]
        order = sorted(range(len(lessons)), key=lambda place: -lessons[place].steps)
        by_steps = [lessons[place] for place in order]
        descent = self._descent(len(lessons))
        for row, lesson in enumerate(by_steps):
            descent.begin(row, lesson.parameters)
        rates = torch.tensor([lesson.learning_rate for lesson in by_steps], device=self._device)
        nats = torch.zeros(len(lessons), dtype=torch.float64, device=self._device)
        tokens = np.zeros(len(lessons), np.int64)
        for batches in _side_by_side(by_steps):
            active = len(batches)
            counts = np.array([batch.tokens for batch in batches])
            loss = descent.step(self._text(batches), rates[:active])
            nats[:active] += loss * self._to(counts)
            tokens[:active] += counts
        mean = nats.cpu().numpy() / np.where(tokens, tokens, np.nan)
        trained = {
            place: Trained(
                descent.parameters(row), float(mean[row]), int(tokens[row]), lesson.steps
            )
            for row, (place, lesson) in enumerate(zip(order, by_steps, strict=True))
        }
        return [trained[place] for place in range(len(lessons))]

    @torch.no_grad()
    def score(self, parameters: Vector, batch: Batch) -> Scores:
        """See `Trainer.score`."""
        log_probability, top = score(
            self._spec,
            self._tensors(parameters),
            self._to(batch.inputs),
            self._to(batch.targets),
            self._to(batch.reset),
        )
        return Scores(log_probability.cpu().numpy(), top.cpu().numpy())

    @torch.no_grad()
    def predict(self, parameters: Vector, token: Ids, carry: Carry) -> Prediction:
        """See `Trainer.predict`."""
        top, log_probability, out, state = predict(
            self._spec,
            self._tensors(parameters),
            self._to(token),
            self._to(carry.out),
            self._to(carry.state),
        )
        return Prediction(
            top.cpu().numpy(),
            log_probability.cpu().numpy(),
            Carry(out.cpu().numpy(), state.cpu().numpy()),
        )


def _side_by_side(lessons: Sequence[Lesson]) -> Iterator[list[Batch]]:
    """The batches of every step, of the phones that have one; lessons come longest first."""
    sources = [iter(lesson.batches) for lesson in lessons]
    for step in range(lessons[0].steps):
        active = sum(lesson.steps > step for lesson in lessons)
        yield [next(source) for source in sources[:active]]
