"""The parameters that a run starts from, in numpy alone.

The distributions are those of the reference StackOverflow model (google-research/federated,
`utils/models/stackoverflow_models.py`, the code of Reddi et al., ICLR 2021): uniform embedding, He
normal input kernel, orthogonal recurrent kernel, Glorot normal dense layers, zero biases but one
for the forget gate (Jozefowicz et al., ICML 2015). A recurrent projection is a dense layer without
bias.
"""

from math import sqrt

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.model.spec import ModelSpec, Tensor, layout, parameter_count
from gboard_sim.seam.records import Vector
from gboard_sim.seeds import stream

TRUNCATED_STD = 0.87962566103423978  # of a standard normal cut at two: Keras divides by it


def _truncated_normal(
    rng: np.random.Generator, shape: tuple[int, ...], std: float
) -> npt.NDArray[np.float64]:
    """Normal draws, redrawn beyond two deviations, whose final deviation is `std` (Keras)."""
    draws = rng.standard_normal(shape)
    while (far := np.abs(draws) > 2.0).any():
        draws[far] = rng.standard_normal(int(far.sum()))
    return draws * (std / TRUNCATED_STD)


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> npt.NDArray[np.float64]:
    """A uniformly drawn matrix with orthonormal rows or columns (Saxe et al., ICLR 2014)."""
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T


def _draw(spec: ModelSpec, tensor: Tensor, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """One tensor's first values."""
    match tensor.name, tensor.shape:
        case "embedding", shape:
            return rng.uniform(-spec.embedding_range, spec.embedding_range, shape)
        case "input_kernel", (fan_in, _):
            return _truncated_normal(rng, tensor.shape, sqrt(2.0 / fan_in))
        case "recurrent_kernel", (rows, columns):
            return _orthogonal(rng, rows, columns)
        case "gate_bias", shape:
            bias = np.zeros(shape)
            bias[: spec.units] = 1.0
            return bias
        case _, (fan_in, fan_out):
            return _truncated_normal(rng, tensor.shape, sqrt(2.0 / (fan_in + fan_out)))
        case _, shape:
            return np.zeros(shape)


def initial_parameters(spec: ModelSpec, vocabulary: int, seed: int) -> Vector:
    """Version 0 without pre-training: a pure function of its arguments. Shape [P]."""
    flat = np.empty(parameter_count(spec, vocabulary), np.float32)
    for index, tensor in enumerate(layout(spec, vocabulary)):
        rng = stream(seed, "initial-parameters", index)
        flat[tensor.slice] = _draw(spec, tensor, rng).ravel()
    return flat
