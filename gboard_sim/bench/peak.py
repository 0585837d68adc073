"""The machine's peak: the best float32 matrix product that a library here reaches, on one thread.

Three libraries (torch with MKL or its like, numpy with OpenBLAS, onnxruntime with MLAS) at two
shapes, a large cube and the model's own product with the vocabulary. What is best differs between
machines, so all are tried, and a share of the peak is a share of the best.
"""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import TensorProto, helper

from gboard_sim.learning.workshop import Workshop

LIBRARIES = ("torch", "numpy", "onnxruntime")

SHAPES = ((1024, 1024, 1024), (160, 96, 10_000))
"""Rows, inner width and columns."""

Array = npt.NDArray[np.float32]

Body = Callable[[], object]
"""Something to be timed."""


def repeated_s(body: Body, budget_s: float) -> float:
    """Median seconds of something done again and again, the first time not counted."""
    body()
    times: list[float] = []
    began = perf_counter()
    while perf_counter() - began < budget_s:
        before = perf_counter()
        body()
        times.append(perf_counter() - before)
    return median(times)


@dataclass(frozen=True, slots=True)
class TimeProduct:
    """Seconds of one product.

    Attributes:
        library: One of `LIBRARIES`.
        shape: Rows, inner width and columns.
        budget_s: Seconds for which it is repeated.
    """

    library: str
    shape: tuple[int, int, int]
    budget_s: float

    @property
    def flop(self) -> float:
        """Its floating-point operations: a multiply and an add for each term."""
        rows, inner, columns = self.shape
        return 2.0 * rows * inner * columns

    def versions(self) -> frozenset[int]:
        """None."""
        return frozenset()

    def work(self, workshop: Workshop) -> float:
        """Median seconds."""
        rows, inner, columns = self.shape
        left = np.full((rows, inner), 0.5, np.float32)
        right = np.full((inner, columns), 0.25, np.float32)
        return repeated_s(_product(self.library, left, right), self.budget_s)


def _product(library: str, left: Array, right: Array) -> Body:
    """A product into an array that is there already."""
    into = np.empty((left.shape[0], right.shape[1]), np.float32)
    if library == "numpy":
        return lambda: np.matmul(left, right, out=into)
    if library == "onnxruntime":
        node = helper.make_node("MatMul", ["left", "right"], ["into"])
        return bound_run([node], {"left": left, "right": right}, {"into": into})
    import torch  # noqa: PLC0415  torch is heavy, and other products need none

    torch.set_num_threads(1)
    tensors = [torch.from_numpy(array) for array in (left, right, into)]
    return lambda: torch.matmul(tensors[0], tensors[1], out=tensors[2])


def bound_run(nodes: list[Any], given: dict[str, Array], made: dict[str, Array]) -> Body:
    """Nodes as a graph of their own in onnxruntime, on one thread, from and into given arrays.

    The graph is run as it stands: optimising it could merge equal products.
    """
    reads, writes = (
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
            for name, array in arrays.items()
        ]
        for arrays in (given, made)
    )
    graph = helper.make_graph(nodes, "products", reads, writes)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    runner = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    binding = runner.io_binding()
    for bind, arrays in ((binding.bind_input, given), (binding.bind_output, made)):
        for name, array in arrays.items():
            bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
    keep = (given, made)  # the arrays must outlive their binding

    def run() -> object:
        return runner.run_with_iobinding(binding), keep

    return run
