"""SGD of phones side by side in torch: their parameters are stacked and updated in place.

The gradient is `train_step.differentiate`, alone for one phone and under `torch.vmap` for more, so
that every matrix product of one phone becomes a batched product of all. float32 masters hold the
parameters; where products are made in bfloat16 (Kalamkar et al. 2019, arXiv 1905.12322), a bfloat16
copy of the matrices follows them.
"""

import torch
from torch import Tensor

from gboard_sim.learning.model.definition import Text
from gboard_sim.learning.model.spec import ModelSpec, layout
from gboard_sim.learning.model.train_step import Gradient, Trained, differentiate
from gboard_sim.learning.model.trained_parts import EVERYTHING, TrainedParts
from gboard_sim.seam.records import Vector


def _along(values: Tensor, like: Tensor) -> Tensor:
    """One value a phone, [n], to multiply with an array of shape [n, ...]."""
    return values.view(-1, *[1] * (like.ndim - 1))


def _add_rows(matrices: Tensor, at: Tensor, added: Tensor) -> None:
    """Add single rows to each phone's matrix; rows that are named twice add up.

    Args:
        matrices: Changed in place. Shape [n, rows, width].
        at: Row numbers of each phone. Shape [n, k].
        added: What is added to them. Shape [n, k, width].
    """
    phones, rows, width = matrices.shape
    first = torch.arange(phones, device=at.device)[:, None] * rows
    matrices.view(-1, width).index_put_(
        [(at + first).reshape(-1)], added.reshape(-1, width), accumulate=True
    )


class Descent:
    """The parameters of some phones while they train.

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        phones: How many there is room for.
        device: Where to compute.
        products: The type that matrix products are made in, float32 or bfloat16.
        parts: What is trained.
    """

    def __init__(
        self,
        spec: ModelSpec,
        vocabulary: int,
        phones: int,
        device: torch.device,
        products: torch.dtype,
        parts: TrainedParts = EVERYTHING,
    ) -> None:
        self._spec = spec
        self._vocabulary = vocabulary
        self._layout = layout(spec, vocabulary)
        self._products = products
        self._masters = {
            tensor.name: torch.zeros((phones, *tensor.shape), device=device)
            for tensor in self._layout
        }
        self._rough: dict[str, Tensor] = {}
        self._change: dict[str, Tensor] = {}
        if products is not torch.float32:
            matrices = {name: t for name, t in self._masters.items() if t.ndim == 3}
            self._rough = {name: t.to(products) for name, t in matrices.items()}
            self._change = {name: torch.empty_like(t) for name, t in self._rough.items()}
        self._trained = Trained(
            parts.word_rows != "frozen",
            {
                name: torch.tensor(basis, device=device, dtype=products)
                for name, basis in parts.bases(spec).items()
            },
        )
        self._room = torch.empty((0, vocabulary), device=device, dtype=products)

    def begin(self, row: int, parameters: Vector) -> None:
        """Set where one phone starts. Shape [P]."""
        flat = torch.tensor(parameters)
        for tensor in self._layout:
            master = self._masters[tensor.name][row]
            master.copy_(flat[tensor.slice].view(tensor.shape))
            if tensor.name in self._rough:
                self._rough[tensor.name][row].copy_(master)

    @torch.inference_mode()
    def step(self, text: Text, rates: Tensor) -> Tensor:
        """One step of the first n phones; the others stay as they are.

        Args:
            text: A batch for each. Each tensor of shape [n, B, T].
            rates: Their step sizes. Shape [n].

        Returns:
            The mean loss of each before the step. Shape [n].
        """
        phones = len(rates)
        masters = {name: tensor[:phones] for name, tensor in self._masters.items()}
        given = masters | {name: tensor[:phones] for name, tensor in self._rough.items()}
        gradient, loss = self._differentiate(given, text)
        if self._spec.gradient_clip:
            self._descend_clipped(masters, gradient, rates)
        else:
            self._descend(masters, gradient, rates)
        for name, rough in self._rough.items():
            rough[:phones].copy_(masters[name])
        return loss

    def parameters(self, row: int) -> Vector:
        """The parameters of one phone now. Shape [P]."""
        parts = [self._masters[tensor.name][row].flatten() for tensor in self._layout]
        flat: Vector = torch.cat(parts).cpu().numpy()
        return flat

    def _differentiate(self, given: dict[str, Tensor], text: Text) -> tuple[Gradient, Tensor]:
        """The gradients of the phones and their losses, every tensor with one row a phone."""
        phones, *shape = text.inputs.shape
        if phones > 1:
            stacked: tuple[Gradient, Tensor] = torch.vmap(
                lambda one, batch: differentiate(self._spec, one, batch, self._trained)
            )(given, text)
            return stacked
        tokens = shape[0] * shape[1]
        if len(self._room) < tokens:
            self._room = self._room.new_empty((tokens, self._vocabulary))
        gradient, loss = differentiate(
            self._spec,
            {name: tensor[0] for name, tensor in given.items()},
            text.first(),
            self._trained,
            self._room[:tokens],
        )
        return (
            Gradient(
                {name: (a[None], b[None]) for name, (a, b) in gradient.products.items()},
                {name: vector[None] for name, vector in gradient.vectors.items()},
                {name: (a[None], b[None]) for name, (a, b) in gradient.rows.items()},
            ),
            loss[None],
        )

    def _descend(self, masters: dict[str, Tensor], gradient: Gradient, rates: Tensor) -> None:
        """Step along the gradients, no matrix of which is kept in float32."""
        down = -rates
        for name, (left, right) in gradient.products.items():
            if name in self._change:
                change = self._change[name][: len(rates)]
                torch.bmm(left.mT, right, out=change)
                masters[name].addcmul_(change, _along(down, change))
            else:
                masters[name].baddbmm_(left.mT, right * _along(down, right))
        for name, vector in gradient.vectors.items():
            masters[name].addcmul_(vector, _along(down, vector))
        for name, (at, added) in gradient.rows.items():
            _add_rows(masters[name], at, added * _along(down, added))

    def _descend_clipped(
        self, masters: dict[str, Tensor], gradient: Gradient, rates: Tensor
    ) -> None:
        """Step along each phone's gradient, scaled down to the norm `gradient_clip`."""
        whole = {name: (a.mT @ b).float() for name, (a, b) in gradient.products.items()}
        whole |= gradient.vectors
        for name, (at, added) in gradient.rows.items():
            if name not in whole:
                whole[name] = torch.zeros_like(masters[name])
            _add_rows(whole[name], at, added)
        norm = sum(part.flatten(1).square().sum(1) for part in whole.values()) ** 0.5
        clip = self._spec.gradient_clip
        down = -rates * (clip / torch.clamp(norm, min=clip))
        for name, part in whole.items():
            masters[name].addcmul_(part, _along(down, part))
