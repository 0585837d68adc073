"""`predict.onnx` as a phone installs it: the exported graph with a model's weights inside.

A matrix in fewer bits stands in the file once, before what makes float32 of it, and every user
reads the result: the embedding serves the look-up and, where the model is tied, the output.

```
Cast(embedding_int8) * Cast(embedding_scale_fp16) -> embedding -> Gather, MatMul
Cast(embedding_fp16)                              -> embedding
```

Cast and Mul are constants that any runtime folds when it loads the file, so that a key costs what
it costs in float32. DequantizeLinear would say the same, but stock onnxruntime 1.31 runs it at
every key (6 times as slow), and turns it and the product behind it into one over 8-bit activations
(up to 0.1 nats off here), unless a session option forbids that.

The graph also gives `log_probabilities` of every token, which it computed anyway: a keyboard needs
them to complete a word that is being typed, and to leave out words that it must not show.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from gboard_sim.learning.model.quantization import MOST, Precision, rounded
from gboard_sim.learning.model.spec import ModelSpec, layout
from gboard_sim.seam.records import Vector

INT4_OPSET = 21
"""The first in which Cast reads int4; the graph's other operators are as in 18."""

Nodes = list[onnx.NodeProto]
Tensors = list[onnx.TensorProto]


def filled(
    graph: bytes, spec: ModelSpec, vocabulary: int, parameters: Vector, precision: Precision
) -> bytes:
    """The graph `predict` of a model with its weights inside.

    Args:
        graph: The exported graph, whose weights are inputs.
        spec: The model's sizes.
        vocabulary: Token ids V.
        parameters: The flat vector. Shape [P].
        precision: How the matrices are stored.
    """
    model = onnx.load_from_string(graph)
    if precision == "int4":
        model.opset_import[0].version = INT4_OPSET
    nodes: Nodes = []
    for tensor in layout(spec, vocabulary):
        weights = parameters[tensor.slice].reshape(tensor.shape).astype(np.float32)
        whole = weights.ndim == 1 or precision == "float32"
        stored, made = (
            _plain(tensor.name, weights) if whole else _small(tensor.name, weights, precision)
        )
        model.graph.initializer.extend(stored)
        nodes.extend(made)
    named = {tensor.name for tensor in layout(spec, vocabulary)}
    left = [value for value in model.graph.input if value.name not in named]
    nodes.extend(model.graph.node)
    for field, values in (("input", left), ("node", nodes)):
        model.graph.ClearField(field)
        getattr(model.graph, field).extend(values)
    _give_log_probabilities(model.graph, vocabulary)
    onnx.checker.check_model(model, full_check=True)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def _plain(name: str, weights: npt.NDArray[np.float32]) -> tuple[Tensors, Nodes]:
    """A tensor as it is."""
    return [numpy_helper.from_array(weights, name)], []


def _small(
    name: str, weights: npt.NDArray[np.float32], precision: Precision
) -> tuple[Tensors, Nodes]:
    """A matrix in fewer bits, and what makes float32 of it under its own name."""
    source = f"{name}_{precision}"
    if precision == "fp16":
        stored = numpy_helper.from_array(weights.astype(np.float16), source)
        return [stored], [helper.make_node("Cast", [source], [name], to=TensorProto.FLOAT)]
    small = rounded(name, weights, MOST[precision])
    if precision == "int4":
        integers = helper.make_tensor(
            source, TensorProto.INT4, weights.shape, _pairs(small.integers), raw=True
        )
    else:
        integers = numpy_helper.from_array(small.integers, source)
    half = np.expand_dims(small.scale, 1 - small.axis)
    step, scale, whole = f"{name}_scale_fp16", f"{name}_scale", f"{name}_steps"
    return [integers, numpy_helper.from_array(half, step)], [
        helper.make_node("Cast", [source], [whole], to=TensorProto.FLOAT),
        helper.make_node("Cast", [step], [scale], to=TensorProto.FLOAT),
        helper.make_node("Mul", [whole, scale], [name]),
    ]


def _pairs(integers: npt.NDArray[np.int8]) -> bytes:
    """Integers of 4 bits, two a byte, the first in the low half, as ONNX stores them."""
    flat = integers.ravel().view(np.uint8) & 0xF
    if len(flat) % 2:
        flat = np.append(flat, np.uint8(0))
    return (flat[::2] | flat[1::2] << 4).astype(np.uint8).tobytes()


def _give_log_probabilities(graph: onnx.GraphProto, vocabulary: int) -> None:
    """Make an output of what the most probable tokens are chosen from."""
    [top] = [node for node in graph.node if node.op_type == "TopK"]
    inner = top.input[0]
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = ["log_probabilities" if value == inner else value for value in values]
    lanes = graph.output[0].type.tensor_type.shape.dim[0].dim_param
    graph.output.append(
        helper.make_tensor_value_info("log_probabilities", TensorProto.FLOAT, [lanes, vocabulary])
    )
