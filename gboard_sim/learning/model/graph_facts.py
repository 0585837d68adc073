"""What a graph takes, gives and is made of, for those who must run it elsewhere."""

from collections.abc import Iterable
from typing import Any

import onnx
from onnx import helper


def graph_facts(content: bytes) -> dict[str, Any]:
    """The opset, the operators with their numbers, and the type and shape of what goes in and out.

    A size that is free has its name in the shape's place.

    Args:
        content: The ONNX file.
    """
    model = onnx.load_from_string(content)
    [opset] = model.opset_import  # the standard operators alone
    found = [node.op_type for node in model.graph.node]
    return {
        "opset": opset.version,
        "operators": {name: found.count(name) for name in sorted(set(found))},
        "inputs": _values(model.graph.input),
        "outputs": _values(model.graph.output),
    }


def _values(values: Iterable[onnx.ValueInfoProto]) -> dict[str, list[Any]]:
    """The type and the sizes of each value: `[type, size, size, ...]`."""
    return {
        value.name: [
            str(helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)),
            *(size.dim_param or size.dim_value for size in value.type.tensor_type.shape.dim),
        ]
        for value in values
    }
