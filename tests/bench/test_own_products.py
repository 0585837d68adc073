"""The products in a step's graph, counted against the model's parameters, and run alone."""

import numpy as np
import pytest

from gboard_sim.bench.own_products import Operand, Product, alone, products
from gboard_sim.bench.peak import bound_run
from gboard_sim.learning.model.graphs import shipped_graphs
from gboard_sim.learning.model.spec import flop_per_token, load_spec, parameter_count


@pytest.mark.parametrize("name", ["gboard-cifg", "tiny"])
@pytest.mark.parametrize("lanes", [1, 8])
def test_they_are_six_flop_a_parameter_and_token_less_what_no_product_needs(name, lanes):
    """A bias is added, not multiplied; the first token of a lane has no state to multiply."""
    spec = load_spec(name)
    tokens = lanes * spec.lane
    inside = products(shipped_graphs(name).train_step, lanes=lanes, vocabulary=spec.vocabulary)
    whole = flop_per_token(spec, spec.vocabulary) * tokens
    bias = 6 * spec.gates * tokens
    first_token = 2 * 2 * lanes * spec.recurrent * spec.gates  # forward, and back through it
    assert sum(product.flop for product in inside) == whole - bias - first_token
    assert whole == 6 * parameter_count(spec, spec.vocabulary) * tokens


def test_a_larger_vocabulary_makes_three_products_larger():
    graph = shipped_graphs("tiny").train_step
    small, large = (products(graph, lanes=4, vocabulary=size) for size in (100, 300))
    grown = [b.flop / a.flop for a, b in zip(small, large, strict=True) if a.flop != b.flop]
    assert grown == [3.0, 3.0, 3.0]


def test_run_alone_they_give_what_numpy_gives():
    rng = np.random.default_rng(0)
    left, right = (rng.normal(size=shape).astype(np.float32) for shape in ((3, 5), (4, 3)))
    into = np.empty((5, 4), np.float32)
    product = Product(Operand("left", (3, 5), True), Operand("right", (4, 3), True))
    assert product.flop == 2 * 5 * 3 * 4
    alone([product])()  # its own factors
    from onnx import helper

    node = helper.make_node("Gemm", ["left", "right"], ["into"], transA=1, transB=1)
    bound_run([node], {"left": left, "right": right}, {"into": into})()
    assert np.allclose(into, left.T @ right.T, atol=1e-6)
