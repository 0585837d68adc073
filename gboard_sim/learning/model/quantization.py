"""A model's matrices in fewer bits: int8 or int4 with one scale a row, or float16.

A row is what one output is made of: a word's row of the embedding, a column of any other matrix.

    scale[r] = max |w[r]| / most;    q[r] = round(w[r] / scale[r]);    w'[r] = q[r] * scale[r]

Rounding is symmetric, so that a weight of 0 stays 0 (per-channel symmetric weights, Krishnamoorthi
2018, arXiv 1806.08342, section 3). Scales are float16, and rows are rounded with what float16 made
of them, so that storing them so costs nothing. Vectors (biases) stay float32: they are few.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.model.spec import ModelSpec, layout
from gboard_sim.seam.records import Vector

Precision = Literal["float32", "fp16", "int8", "int4"]
"""How the weights of `predict.onnx` are stored; activations are float32 in all of them."""

MOST = {"int8": 127, "int4": 7}
"""The largest integer; the smallest is its negative."""

LEAST_SCALE = np.float16(2.0**-14)
"""float16's smallest normal number: a row below 2**-14 * MOST loses digits, and nothing is NaN."""

BY_ROW = frozenset({"embedding", "output"})
"""Matrices whose first axis counts outputs; the others are applied from the right."""


@dataclass(frozen=True, slots=True)
class Rounded:
    """A matrix in integers.

    Attributes:
        integers: Shape of the matrix.
        scale: What each row's integers are multiplied by. Shape [rows].
        axis: The axis that counts rows.
    """

    integers: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float16]
    axis: int

    def matrix(self) -> npt.NDArray[np.float32]:
        """The weights that the integers stand for."""
        scale = np.expand_dims(self.scale.astype(np.float32), 1 - self.axis)
        return self.integers.astype(np.float32) * scale


def rounded(name: str, matrix: npt.NDArray[np.float32], most: int) -> Rounded:
    """A matrix in integers of at most `most`.

    Args:
        name: Its name in the graphs.
        matrix: The weights. Shape [m, n].
        most: See `MOST`.
    """
    axis = 0 if name in BY_ROW else 1
    scale = np.abs(matrix).max(axis=1 - axis) / np.float32(most)
    scale = np.maximum(scale.astype(np.float16), LEAST_SCALE)
    steps = np.rint(matrix / np.expand_dims(scale.astype(np.float32), 1 - axis))
    return Rounded(np.clip(steps, -most, most).astype(np.int8), scale, axis)


def weights_kept(
    spec: ModelSpec, vocabulary: int, parameters: Vector, precision: Precision
) -> Vector:
    """What is left of the parameters in a precision, as float32. Shape [P].

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        parameters: The flat vector. Shape [P].
        precision: How the weights are stored.
    """
    kept = parameters.astype(np.float32)  # a copy
    for tensor in layout(spec, vocabulary):
        if len(tensor.shape) == 1 or precision == "float32":
            continue
        matrix = kept[tensor.slice].reshape(tensor.shape)
        if precision == "fp16":
            matrix[:] = matrix.astype(np.float16)
        else:
            matrix[:] = rounded(tensor.name, matrix, MOST[precision]).matrix()
    return kept
