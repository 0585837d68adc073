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

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.packing import Ids
from gboard_sim.learning.spec import GATES, ModelSpec, layout
from gboard_sim.learning.trainer import Carry
from gboard_sim.records import Vector

Activations = npt.NDArray[np.float32]


class NumpyModel:
    """One version of a model, ready to run on any number of states at once.

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        parameters: The flat vector; it is read in place. Shape [P].
    """

    def __init__(self, spec: ModelSpec, vocabulary: int, parameters: Vector) -> None:
        self._spec = spec
        tensors = {
            tensor.name: parameters[tensor.slice].reshape(tensor.shape)
            for tensor in layout(spec, vocabulary)
        }
        self._embedding = tensors["embedding"]
        # One product for both kernels: the input stands beside what is fed back.
        self._kernel = np.concatenate([tensors["input_kernel"], tensors["recurrent_kernel"]])
        self._gate_bias = tensors["gate_bias"]
        self._projection = tensors.get("projection")
        self._dense = tensors.get("dense")
        self._dense_bias = tensors.get("dense_bias")
        self._output = (self._embedding if spec.tied else tensors["output"]).T
        self._output_bias = tensors.get("output_bias")

    def advance(self, carry: Carry, tokens: Ids) -> Carry:
        """The states after one more token each.

        Args:
            carry: The states before; see `empty_carry` for the first.
            tokens: What each reads, `<s>` at first. Shape [B].
        """
        entering = np.concatenate([self._embedding[tokens], carry.out], axis=1)
        gates = np.split(entering @ self._kernel + self._gate_bias, GATES[self._spec.cell], axis=1)
        forget = _sigmoid(gates[0])
        admit = 1 - forget if self._spec.cell == "cifg" else _sigmoid(gates[1])
        state = forget * carry.state + admit * np.tanh(gates[-1])
        out = _sigmoid(gates[-2]) * np.tanh(state)
        return Carry(out if self._projection is None else out @ self._projection, state)

    def logits(self, out: Activations) -> Activations:
        """Unnormalised log-probabilities of every token after states of output `out`. [B, V]."""
        hidden = out if self._dense is None else out @ self._dense + self._dense_bias
        scores = hidden @ self._output
        if self._output_bias is not None:
            scores += self._output_bias
        return scores

    def log_probabilities(self, carry: Carry) -> Activations:
        """Log-probabilities of every token after each state. Shape [B, V]."""
        scores = self.logits(carry.out)
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return scores


def _sigmoid(values: Activations) -> Activations:
    """1 / (1 + exp(-values)), without overflow at either end."""
    return 0.5 + 0.5 * np.tanh(0.5 * values)
