"""Trains with torch's own differentiation of the model: the reference, and the way to a GPU."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gboard_sim.learning.model.definition import Text, loss, predict, score
from gboard_sim.learning.model.spec import ModelSpec, layout
from gboard_sim.learning.text.packing import Batch, Ids
from gboard_sim.learning.trainers.trainer import Carry, Prediction, Scores, Trained
from gboard_sim.records import Vector


class TorchTrainer:
    """A `Trainer` that differentiates `model.loss`.

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        device: Where to compute, such as `cpu` or `cuda`.
        dtype: What to compute in; float64 serves as a reference.
    """

    def __init__(
        self,
        spec: ModelSpec,
        vocabulary: int,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._spec = spec
        self._layout = layout(spec, vocabulary)
        self._device = torch.device(device)
        torch.set_num_threads(1)  # phones run side by side in processes
        self._dtype = dtype

    def _to(self, array: npt.NDArray[np.float32]) -> Tensor:
        """A float array as a tensor where the model computes; always a copy."""
        return torch.tensor(array, device=self._device, dtype=self._dtype)

    def _ids(self, array: Ids) -> Tensor:
        """Token ids as a tensor where the model computes."""
        return torch.tensor(array, device=self._device)

    def _text(self, batch: Batch) -> Text:
        """A batch as tensors."""
        return Text(
            self._ids(batch.inputs),
            self._ids(batch.targets),
            self._to(batch.reset),
            self._to(batch.weight),
        )

    def _tensors(self, flat: Tensor) -> dict[str, Tensor]:
        """The named tensors inside a flat vector, as views of it."""
        return {tensor.name: flat[tensor.slice].view(tensor.shape) for tensor in self._layout}

    def train(self, parameters: Vector, batches: Iterable[Batch], learning_rate: float) -> Trained:
        """See `Trainer.train`."""
        flat = self._to(parameters)
        steps = tokens = 0
        nats = 0.0
        for batch in batches:
            flat.requires_grad_()
            mean_loss = loss(self._spec, self._tensors(flat), self._text(batch))
            (gradient,) = torch.autograd.grad(mean_loss, flat)
            if self._spec.gradient_clip:
                norm = gradient.norm().clamp(min=self._spec.gradient_clip)
                gradient = gradient * (self._spec.gradient_clip / norm)
            flat = flat.detach() - learning_rate * gradient
            nats += mean_loss.item() * batch.tokens
            tokens += batch.tokens
            steps += 1
        trained = flat.detach().float().cpu().numpy()
        return Trained(trained, nats / tokens if tokens else float("nan"), tokens, steps)

    @torch.no_grad()
    def score(self, parameters: Vector, batch: Batch) -> Scores:
        """See `Trainer.score`."""
        text = self._text(batch)
        log_probability, top = score(
            self._spec,
            self._tensors(self._to(parameters)),
            text.inputs,
            text.targets,
            text.reset,
        )
        return Scores(log_probability.float().cpu().numpy(), top.cpu().numpy())

    @torch.no_grad()
    def predict(self, parameters: Vector, token: Ids, carry: Carry) -> Prediction:
        """See `Trainer.predict`."""
        top, log_probability, out, state = predict(
            self._spec,
            self._tensors(self._to(parameters)),
            self._ids(token),
            self._to(carry.out),
            self._to(carry.state),
        )
        return Prediction(
            top.cpu().numpy(),
            log_probability.float().cpu().numpy(),
            Carry(out.float().cpu().numpy(), state.float().cpu().numpy()),
        )
