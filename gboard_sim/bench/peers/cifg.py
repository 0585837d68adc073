"""The model as a torch module: CIFG with recurrent projection and tied embedding, no output bias.

Written twice: as one would for speed in eager torch, where the input kernel is applied to all
tokens at once, time steps are unbound instead of indexed, and products are fused with what follows;
and as a textbook has it, equation by equation and one time step after another.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, embedding


class Cifg(nn.Module):
    """The model.

    Args:
        sizes: Vocabulary V, embedding D, units U, projection D.
        textbook: Whether time steps are taken as a textbook has them.
    """

    def __init__(self, sizes: tuple[int, int, int, int], textbook: bool) -> None:
        super().__init__()
        self.textbook = textbook
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
        ids = inputs.t()
        hidden = self.unroll_by_the_book(ids) if self.textbook else self.unroll(ids)
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

    def unroll_by_the_book(self, inputs: Tensor) -> Tensor:
        """The same, as H. Sak et al. write it (2014, arXiv 1402.1128, with i = 1 - f)."""
        state = self.embedding.new_zeros(inputs.shape[1], self._units)
        out = self.embedding.new_zeros(inputs.shape[1], self.projection.shape[1])
        outs: list[Tensor] = []
        for t in range(inputs.shape[0]):
            x = self.embedding[inputs[t]]
            gates = x @ self.input_kernel + out @ self.recurrent_kernel + self.gate_bias
            f, o, g = gates.chunk(3, dim=1)
            f, o, g = torch.sigmoid(f), torch.sigmoid(o), torch.tanh(g)
            state = f * state + (1 - f) * g
            out = (o * torch.tanh(state)) @ self.projection
            outs.append(out)
        return torch.stack(outs).flatten(0, 1)
