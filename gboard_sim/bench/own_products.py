"""The matrix products that one training step contains, read from its graph and run alone.

What they take is what no rearrangement of the rest of the step could go below with the same
library; the step's other time is activations, copies, the update, and the graph's own cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper, shape_inference

from gboard_sim.bench.peak import Array, Body, bound_run, repeated_s
from gboard_sim.learning.model.graphs import Graph
from gboard_sim.learning.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Operand:
    """One factor of a product.

    Attributes:
        name: The tensor in the graph; products that share it share its memory.
        shape: Its shape there.
        turned: Whether the product takes it transposed.
    """

    name: str
    shape: tuple[int, int]
    turned: bool

    @property
    def taken(self) -> tuple[int, int]:
        """The shape that the product sees."""
        return self.shape[::-1] if self.turned else self.shape


@dataclass(frozen=True, slots=True)
class Product:
    """One matrix product."""

    left: Operand
    right: Operand

    @property
    def flop(self) -> int:
        """A multiply and an add for each term."""
        return 2 * self.left.taken[0] * self.left.taken[1] * self.right.taken[1]


def products(graph: Graph, *, lanes: int, vocabulary: int) -> list[Product]:
    """Every matrix product of an exported graph, in its order, for one size of batch.

    A product of a transposed tensor counts as one that takes it transposed, which is how
    onnxruntime runs it.
    """
    model = onnx.load_from_string(graph.read_bytes())
    sizes = {"lanes": lanes, "vocabulary": vocabulary}
    for tensor in model.graph.input:
        for dim in tensor.type.tensor_type.shape.dim:
            if dim.dim_param:  # those without a size are of factors that broadcast
                dim.dim_value = sizes.get(dim.dim_param, 1)
    model = shape_inference.infer_shapes(model, data_prop=True, strict_mode=True)
    known = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*model.graph.value_info, *model.graph.input)
    }
    turned = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Transpose"}

    def operand(name: str, flipped: bool) -> Operand:
        if name in turned and len(known[name]) == 2:
            return Operand(turned[name], known[turned[name]], not flipped)
        return Operand(name, known[name], flipped)

    found = []
    for node in model.graph.node:
        if node.op_type in ("MatMul", "Gemm"):
            flips = {item.name: bool(item.i) for item in node.attribute}
            left = operand(node.input[0], flips.get("transA", False))
            right = operand(node.input[1], flips.get("transB", False))
            found.append(Product(left, right))
    return found


@dataclass(frozen=True, slots=True)
class TimeOwnProducts:
    """Seconds of a step's products alone, in the order of the step.

    Attributes:
        lanes: Lanes of the batch.
        budget_s: Seconds for which they are repeated.
    """

    lanes: int
    budget_s: float

    def versions(self) -> frozenset[int]:
        """None."""
        return frozenset()

    def work(self, workshop: Workshop) -> float:
        """Median seconds."""
        graph = workshop.graphs.train_step
        inside = products(graph, lanes=self.lanes, vocabulary=workshop.tokens)
        return repeated_s(alone(inside), self.budget_s)


def alone(inside: Sequence[Product]) -> Body:
    """What runs some products and nothing else."""
    given: dict[str, Array] = {}
    made: dict[str, Array] = {}
    nodes = []
    for number, product in enumerate(inside):
        into = f"product_{number}"
        for side in (product.left, product.right):
            given.setdefault(side.name, np.full(side.shape, 0.01, np.float32))
        made[into] = np.empty((product.left.taken[0], product.right.taken[1]), np.float32)
        nodes.append(
            helper.make_node(
                "Gemm",
                [product.left.name, product.right.name],
                [into],
                transA=int(product.left.turned),
                transB=int(product.right.turned),
            )
        )
    return bound_run(nodes, given, made)
