"""The model as a torch module: CIFG with recurrent projection and tied embedding, no output bias.

Written as one would for speed in eager torch: the input kernel is applied to all tokens at once,
time steps are unbound instead of indexed, and the vocabulary meets all tokens in one product.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding


class Cifg(nn.Module):
    """The model.

    Args:
        sizes: Vocabulary V, embedding D, units U, projection D.
    """

    def __init__(self, sizes: tuple[int, int, int, int]) -> None:
        super().__init__()
        vocabulary, width, units, projection = sizes
        # In the order of the flat vector.
        self.embedding = nn.Parameter(torch.empty(vocabulary, width))
        self.input_kernel = nn.Parameter(torch.empty(width, 3 * units))
        self.recurrent_kernel = nn.Parameter(torch.empty(projection, 3 * units))
        self.gate_bias = nn.Parameter(torch.empty(3 * units))
        self.projection = nn.Parameter(torch.empty(units, projection))
        self._units = units

    @torch.no_grad()
    def load_flat(self, flat: Tensor) -> None:
        """Copy the parameters from a flat vector."""
        parameters = list(self.parameters())
        for part, mine in zip(flat.split([p.numel() for p in parameters]), parameters, strict=True):
            mine.copy_(part.view_as(mine))

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Mean negative log-likelihood over the targets that are not padding.

        Args:
            inputs: Ids. Shape [B, T].
            targets: Ids, negative at padding. Shape [B, T].
        """
        hidden = self.unroll(inputs.t())
        logits = hidden @ self.embedding.t()
        return cross_entropy(logits, targets.t().reshape(-1))

    def unroll(self, inputs: Tensor) -> Tensor:
        """The recurrent layer over ids [T, B], from zero. Shape [T * B, projection]."""
        embedded = embedding(inputs, self.embedding)
        pre = embedded @ self.input_kernel + self.gate_bias
        state = pre.new_zeros(pre.shape[1], self._units)
        outs: list[Tensor] = []
        for step in pre.unbind():
            gates = torch.addmm(step, outs[-1], self.recurrent_kernel) if outs else step
            forget, output, candidate = gates.split(self._units, dim=1)
            state = torch.lerp(candidate.tanh(), state, forget.sigmoid())
            outs.append((output.sigmoid() * state.tanh()) @ self.projection)
        return torch.cat(outs)
