"""How far apart tokens can leave a state: a bound for every token, from one step of the cell.

A step makes u = O tanh(c) of c = F c_0 + I T, with gates F, I and O (sigmoids of f, i and o) and
T = tanh(g). Of two tokens that meet the same state, with differences D, products expand to

    |Dc| <= |Df| |c_0| / 4 + |Di| |T| / 4 + I |Dg| + |Di| |Dg| / 4
    |Du| <= |Do| |tanh c| / 4 + O |Dc| + |Do| |Dc| / 4

unit by unit, because a sigmoid's slope is at most 1/4 and a tanh's at most 1; F, I, O, T and c are
those of the first token. With coupled gates I = 1 - F, so the first two terms are
|Df| |c_0 - T| / 4. The first token is a made one, whose reading is the mean of all readings. Df,
Di, Dg and Do do not depend on the state; so every norm over units is at most the largest factor
that depends on the state times the norm of those that do not, which are computed once a version.
"""

import numpy as np

from gboard_sim.learning.model.numpy_model import Activations, NumpyModel
from gboard_sim.learning.trainers.trainer import Carry
from gboard_sim.seam.records import Floats


class TokenSpread:
    """The bound for some tokens under one version of a model.

    Args:
        model: The version.
        read: What the tokens bring to the gates; see `NumpyModel.read`. Shape [tokens, gates].
    """

    def __init__(self, model: NumpyModel, read: Activations) -> None:
        self._model = model
        self._mean = read.mean(axis=0, keepdims=True)
        differences = model.split(np.abs(read - self._mean))
        forget, output, candidate = differences[0], differences[-2], differences[-1]
        admits = differences[1:-2]  # none with coupled gates
        cell = [forget, *admits, candidate, (admits[0] if admits else forget) * candidate]
        norms = [output, *cell, *(part * output for part in cell)]
        self._norms = np.stack([_norm(part) for part in norms])

    def after(self, carry: Carry) -> tuple[Activations, Floats]:
        """Where the made token leaves states, and how far from there the others may.

        Args:
            carry: The states before.

        Returns:
            The features after the made token, of shape [B, F]; and, for each token, a bound on
            the L2 distance of the cell's output before its projection, of shape [B, tokens].
        """
        gates = self._model.gates(carry, self._mean)
        made = self._model.close(carry, gates)
        if self._model.coupled:
            cell = [np.abs(carry.state - gates.candidate) / 4]
        else:
            cell = [np.abs(carry.state) / 4, np.abs(gates.candidate) / 4]
        cell += [gates.admit, np.full_like(gates.admit, 0.25)]
        output = np.abs(np.tanh(made.state)) / 4
        factors = [output, *(gates.output * part for part in cell), *(part / 4 for part in cell)]
        largest = np.stack([part.max(axis=1) for part in factors], axis=1)
        distance: Floats = largest.astype(np.float64) @ self._norms
        return self._model.features(made), distance


def _norm(part: Activations) -> Floats:
    """The L2 norm over units, in float64. Shape [tokens]."""
    norm: Floats = np.sqrt(np.einsum("tu,tu->t", part, part, dtype=np.float64))
    return norm
