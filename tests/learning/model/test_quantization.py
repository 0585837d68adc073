"""Weights in fewer bits: against rounding by hand, and its bounds."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.quantization import LEAST_SCALE, MOST, rounded, weights_kept
from gboard_sim.learning.model.spec import layout, load_spec

MATRICES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
    elements=st.floats(-100, 100, width=32),
)


def test_a_matrix_rounded_by_hand():
    matrix = np.array([[1.0, -3.5, 0.2], [0.0, 7.0, -0.6]], np.float32)
    by_row = rounded("embedding", matrix, 7)
    assert by_row.scale.tolist() == [0.5, 1.0]
    assert by_row.integers.tolist() == [[2, -7, 0], [0, 7, -1]]
    assert by_row.matrix().tolist() == [[1.0, -3.5, 0.0], [0.0, 7.0, -1.0]]
    # Other matrices are applied from the right: an output is a column.
    by_column = rounded("projection", np.ascontiguousarray(matrix.T), 7)
    assert by_column.integers.tolist() == by_row.integers.T.tolist()


@pytest.mark.parametrize("most", MOST.values())
@given(matrix=MATRICES)
def test_no_weight_moves_by_more_than_half_a_step(most, matrix):
    found = rounded("embedding", matrix, most)
    assert np.abs(found.integers).max() <= most
    scale = found.scale.astype(np.float64)[:, None]
    # float16 rounds the scale by up to one part in 2048, which the largest weight feels.
    allowed = scale / 2 + np.abs(matrix) / 2048 + 1e-6
    assert (np.abs(found.matrix() - matrix) <= allowed).all()
    assert (found.matrix()[matrix == 0] == 0).all()


def test_rows_of_nothing_and_of_next_to_nothing_stay_numbers():
    matrix = np.array([[0.0, 0.0], [1e-30, -1e-30], [1e-5, 0.0]], np.float32)
    found = rounded("embedding", matrix, 127)
    assert (found.scale >= LEAST_SCALE).all()
    assert np.isfinite(found.matrix()).all()
    assert np.abs(found.matrix() - matrix).max() <= LEAST_SCALE / 2


@pytest.mark.parametrize("precision", ["float32", "fp16", "int8", "int4"])
def test_the_fewer_bits_the_further_and_vectors_stay(precision):
    spec = load_spec("mcmahan-lstm")
    parameters = initial_parameters(spec, 50, 3)
    before = parameters.copy()
    kept = weights_kept(spec, 50, parameters, precision)
    assert (parameters == before).all()
    steps = {"float32": 0.0, "fp16": 2**-11, "int8": 0.51 / 127, "int4": 0.51 / 7}
    for tensor in layout(spec, 50):
        was, is_now = parameters[tensor.slice], kept[tensor.slice]
        if len(tensor.shape) == 1:
            assert (was == is_now).all()
            continue
        apart = np.abs(was - is_now).max()
        assert apart <= steps[precision] * np.abs(was).max() * 1.01
        assert (apart > 0) == (precision != "float32")
