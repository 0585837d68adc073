"""The next-word model in plain numpy: a reading of its definition that owes nothing to a graph.

Where words are spelt in pieces, scoring forks one state into thousands of spellings, which the
graphs cannot. It is also the third account of the model beside torch's and the graphs'.

```
x = embedding[token];  gates = x @ input_kernel + out @ recurrent_kernel + gate_bias
cifg   f, o, g = split(gates);     c = sigma(f) * c + (1 - sigma(f)) * tanh(g)
lstm   f, i, o, g = split(gates);  c = sigma(f) * c + sigma(i) * tanh(g)
out = (sigma(o) * tanh(c)) @ projection;  logits = (out @ dense + dense_bias) @ output' + bias
```

The coupled gates are those of Greff et al. (TNNLS 2017), the projection that of Sak et al.
(Interspeech 2014); what a spec lacks is left out, and a tied output is the embedding.
"""

from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.model.spec import GATES, ModelSpec, layout
from gboard_sim.learning.trainers.trainer import Carry
from gboard_sim.seam.records import Vector

Activations = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of some states that read a token each, squashed. All of shape [B, U].

    Attributes:
        forget: What is kept of the state.
        admit: What is let in of the candidate.
        output: What is let out.
        candidate: What might be let in.
    """

    forget: Activations
    admit: Activations
    output: Activations
    candidate: Activations


class NumpyModel:
    """One version of a model, ready to run on any number of states at once.

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        parameters: The flat vector; it is read in place. Shape [P].

    Attributes:
        output: The output layer's rows: the embedding where the model is tied. Shape [V, F].
        output_bias: The logits' bias, zero where there is none. Shape [V].
        coupled: Whether the cell admits what it does not keep (CIFG).
        above: What the layers above the cell make of its output, without their bias. Shape [U, F].
    """

    def __init__(self, spec: ModelSpec, vocabulary: int, parameters: Vector) -> None:
        tensors = {
            tensor.name: parameters[tensor.slice].reshape(tensor.shape)
            for tensor in layout(spec, vocabulary)
        }
        self._spec = spec
        self._embedding = tensors["embedding"]
        self._input_kernel = tensors["input_kernel"]
        self._recurrent_kernel = tensors["recurrent_kernel"]
        self._gate_bias = tensors["gate_bias"]
        self._projection = tensors.get("projection")
        self._dense = tensors.get("dense")
        self._dense_bias = tensors.get("dense_bias")
        self.output = self._embedding if spec.tied else tensors["output"]
        self.output_bias = tensors.get("output_bias", np.zeros(vocabulary, np.float32))
        self.coupled = spec.cell == "cifg"
        layers = (layer for layer in (self._projection, self._dense) if layer is not None)
        self.above: Activations = reduce(np.matmul, layers, np.eye(spec.units, dtype=np.float32))

    def read(self, tokens: npt.NDArray[np.integer]) -> Activations:
        """What tokens bring to the gates, whatever the state. Shape [B, gates]."""
        brought: Activations = self._embedding[tokens] @ self._input_kernel + self._gate_bias
        return brought

    def step(self, carry: Carry, read: Activations) -> Carry:
        """The states after what was `read`; one state may meet many tokens, shape [1, ..]."""
        return self.close(carry, self.gates(carry, read))

    def gates(self, carry: Carry, read: Activations) -> Gates:
        """The gates of states that have read what they read; shapes as for `step`."""
        parts = self.split(read + carry.out @ self._recurrent_kernel)
        forget = _sigmoid(parts[0])
        admit = 1 - forget if self.coupled else _sigmoid(parts[1])
        return Gates(forget, admit, _sigmoid(parts[-2]), np.tanh(parts[-1]))

    def split(self, gates: Activations) -> list[Activations]:
        """What belongs to each gate: forget, admit unless coupled, output, candidate."""
        return np.split(gates, GATES[self._spec.cell], axis=1)

    def close(self, carry: Carry, gates: Gates) -> Carry:
        """The states that gates make of the states before."""
        state = gates.forget * carry.state + gates.admit * gates.candidate
        out = gates.output * np.tanh(state)
        return Carry(out if self._projection is None else out @ self._projection, state)

    def advance(self, carry: Carry, tokens: npt.NDArray[np.integer]) -> Carry:
        """The states after one more token each.

        Args:
            carry: The states before; see `empty_carry` for the first.
            tokens: What each reads, `<s>` at first. Shape [B].
        """
        return self.step(carry, self.read(tokens))

    def features(self, carry: Carry) -> Activations:
        """What the output layer sees of each state. Shape [B, F]."""
        if self._dense is None or self._dense_bias is None:
            return carry.out
        seen: Activations = carry.out @ self._dense + self._dense_bias
        return seen

    def logits(self, carry: Carry) -> Activations:
        """Unnormalised log-probabilities of every token after each state. Shape [B, V]."""
        scores: Activations = self.features(carry) @ self.output.T
        scores += self.output_bias
        return scores

    def log_probabilities(self, carry: Carry) -> Activations:
        """Log-probabilities of every token after each state. Shape [B, V]."""
        scores = self.logits(carry)
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return scores


def _sigmoid(values: Activations) -> Activations:
    """1 / (1 + exp(-values)), without overflow at either end."""
    half = np.float32(0.5)
    squashed: Activations = half + half * np.tanh(half * values)
    return squashed
