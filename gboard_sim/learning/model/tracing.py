"""Exports a model's ONNX graphs from its torch definition; the only module that needs an exporter.

`python -m gboard_sim.learning.model.tracing models/tiny` rewrites the graphs of one entry of the
catalogue and the `[graphs]` table of its `spec.toml`.
"""

import hashlib
import logging
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor
from torch.export import Dim
from torch.fx.experimental.proxy_tensor import make_fx

from gboard_sim.learning.model.definition import Kept, Text, predict, score
from gboard_sim.learning.model.spec import TOP, WORD_ROWS, ModelSpec, load_spec, shapes
from gboard_sim.learning.model.train_step import Trained, train_step
from gboard_sim.learning.model.trained_parts import SHIPPED, STEPS, adapted_shapes

OPSET = 18  # the first with reductions in ScatterElements and ScatterND, which the update needs
EXAMPLE_VOCABULARY = 37  # traced sizes: unlike each other and any width, and above TOP
EXAMPLE_LANES = 5
EXAMPLE_RANK = 2
KEPT = ("kept_embedded", "kept_features")
BORDER = "border/"  # keeps the exporter's own value names apart from ours


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch's exporter logs and warns about optional packages that play no part here."""
    level = logging.getLogger("torch.onnx").level
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def _examples(spec: ModelSpec) -> dict[str, Tensor]:
    """Arguments of small, odd sizes for every graph."""
    rng = torch.Generator().manual_seed(0)
    lanes = EXAMPLE_LANES
    shape = (lanes, spec.lane)
    made = {
        name: torch.randn(size, generator=rng) * 0.1
        for name, size in shapes(spec, EXAMPLE_VOCABULARY).items()
    }
    for name, (rows, _) in adapted_shapes(spec).items():
        made[f"basis_{name}"] = torch.randn((rows, EXAMPLE_RANK), generator=rng) * 0.1
    for name, size in (("inputs", shape), ("targets", shape), ("token", (lanes,))):
        made[name] = torch.randint(0, EXAMPLE_VOCABULARY, size, generator=rng, dtype=torch.int32)
    made["reset"] = (torch.rand(shape, generator=rng) < 0.2).float()
    made["weight"] = torch.ones(shape)
    for name, width in zip(KEPT, (spec.embedding, spec.features), strict=True):
        made[name] = 2.0 * (torch.rand((spec.lane, lanes, width), generator=rng) < 0.5)
    made["learning_rate"] = torch.tensor(0.5)
    made["out"] = torch.randn(lanes, spec.recurrent, generator=rng) * 0.1
    made["state"] = torch.randn(lanes, spec.units, generator=rng) * 0.1
    return made


def _function(
    spec: ModelSpec, graph: str
) -> tuple[Callable[..., tuple[Tensor, ...]], list[str], list[str]]:
    """A graph as a function of tensors alone, with the names of its inputs and outputs."""
    names = list(shapes(spec, EXAMPLE_VOCABULARY))

    def split(arguments: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], tuple[Tensor, ...]]:
        return dict(zip(names, arguments, strict=False)), arguments[len(names) :]

    def run_score(*arguments: Tensor) -> tuple[Tensor, ...]:
        parameters, batch = split(arguments)
        return score(spec, parameters, *batch)

    def run_predict(*arguments: Tensor) -> tuple[Tensor, ...]:
        parameters, typed = split(arguments)
        return predict(spec, parameters, *typed)

    batch = ["inputs", "targets", "reset"]
    if graph in STEPS:
        parts = STEPS[graph]
        trained = [name for name in names if parts.word_rows or name not in WORD_ROWS]
        adapted = list(adapted_shapes(spec)) if parts.adapted else []

        def run_train_step(*arguments: Tensor) -> tuple[Tensor, ...]:
            parameters, others = split(arguments)
            bases = dict(zip(adapted, others, strict=False))
            inputs, targets, reset, weight, *kept, learning_rate = others[len(adapted) :]
            text = Text(inputs, targets, reset, weight, Kept(*kept))
            what = Trained(parts.word_rows, bases)
            new, mean_loss = train_step(spec, parameters, text, learning_rate, what)
            return (*(new[name] for name in trained), mean_loss)

        return (
            run_train_step,
            [
                *names,
                *(f"basis_{name}" for name in adapted),
                *batch,
                "weight",
                *KEPT,
                "learning_rate",
            ],
            [*(f"new_{name}" for name in trained), "loss"],
        )
    return {
        "score": (run_score, [*names, *batch], ["log_probability", "top"]),
        "predict": (
            run_predict,
            [*names, "token", "out", "state"],
            ["top", "log_probability", "new_out", "new_state"],
        ),
    }[graph]


def _split_by_time(graph: onnx.GraphProto, length: int) -> None:
    """Cut [T, B, width] into T pieces with one Split, where the exporter wrote T Gathers.

    Onnxruntime turns the Gathers into a Split and a Squeeze for each t, which costs a small model
    a tenth of its step. Flatten makes [T * B, width] of the tensor without copying it.
    """
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    gathers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        at = values.get(node.input[1]) if node.op_type == "Gather" else None
        if at is not None and at.ndim == 0 and all(axis.i == 0 for axis in node.attribute):
            gathers.setdefault(node.input[0], []).append(node)
    renamed: dict[str, str] = {}
    for name, group in gathers.items():
        pieces = [f"{name}/{t}" for t in range(length)]
        renamed |= {node.output[0]: pieces[int(values[node.input[1]])] for node in group}
        flat = helper.make_node("Flatten", [name], [f"{name}/flat"], axis=2)
        split = helper.make_node("Split", [f"{name}/flat"], pieces, axis=0, num_outputs=length)
        first = list(graph.node).index(group[0])
        graph.node.insert(first, split)
        graph.node.insert(first, flat)
        for node in group:
            graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [renamed.get(value, value) for value in node.input]
    used = {value for node in graph.node for value in node.input}
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in used]:
        graph.initializer.remove(tensor)


def _let_broadcast(graph: onnx.GraphProto) -> None:
    """Let a phone without dropout give a single 1 for what is kept.

    So the number of lanes is not to be read from there.
    """
    kept = {value.name: value for value in graph.input if value.name.removeprefix(BORDER) in KEPT}
    for name, value in kept.items():
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            dim.dim_param = f"{name.removeprefix(BORDER)}_{axis}"
    for node in graph.node:
        if node.op_type == "Shape" and node.input[0] in kept:
            lanes = helper.make_node("Shape", [f"{BORDER}inputs"], node.output, start=0, end=1)
            node.CopyFrom(lanes)


def _slim(model: onnx.ModelProto) -> None:
    """Drop what only a debugger reads: traces, inferred inner shapes, and long value names."""
    graph = model.graph
    names = {value.name: value.name.removeprefix(BORDER) for value in (*graph.input, *graph.output)}

    def short(name: str) -> str:
        return names.setdefault(name, f"v{len(names)}") if name else name

    for index, node in enumerate(graph.node):
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
        node.name = f"n{index}"
        for values in (node.input, node.output):
            values[:] = [short(value) for value in values]
    for tensor in (*graph.initializer, *graph.input, *graph.output):
        tensor.name = short(tensor.name)
        tensor.ClearField("doc_string")
        tensor.ClearField("metadata_props")
    for field in ("value_info", "metadata_props", "doc_string"):
        graph.ClearField(field)
    for field in ("metadata_props", "doc_string"):
        model.ClearField(field)


def trace(spec: ModelSpec, graph: str) -> onnx.ModelProto:
    """One graph of a model, without weights, for any vocabulary and any number of lanes."""
    function, inputs, outputs = _function(spec, graph)
    examples = _examples(spec)
    arguments = tuple(examples[name] for name in inputs)
    vocabulary = Dim("vocabulary", min=TOP + 1, max=1 << 24)
    lanes = Dim("lanes", min=1, max=1 << 20)
    rank = Dim("rank", min=1, max=1 << 20)
    by_name: dict[str, Any] = {
        **{key: {0: vocabulary} for key in WORD_ROWS},
        **{f"basis_{key}": {1: rank} for key in adapted_shapes(spec)},
        **{key: {0: lanes} for key in ("inputs", "targets", "reset", "weight")},
        **{key: {1: lanes} for key in KEPT},
        **{key: {0: lanes} for key in ("token", "out", "state")},
    }
    with _quiet():
        traced = make_fx(function, tracing_mode="symbolic")(*arguments)
        program = torch.onnx.export(
            traced,
            arguments,
            dynamo=True,
            dynamic_shapes=tuple(by_name.get(name) for name in inputs),
            input_names=[BORDER + name for name in inputs],
            output_names=[BORDER + name for name in outputs],
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _split_by_time(model.graph, spec.lane)
    _let_broadcast(model.graph)
    _slim(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def export_graphs(spec: ModelSpec, folder: Path, graphs: Sequence[str] = SHIPPED) -> dict[str, str]:
    """Write some of a model's graphs; each file appears whole or not at all.

    Returns:
        The sha256 of each graph, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests = {}
    for graph in graphs:
        content = trace(spec, graph).SerializeToString(deterministic=True)
        path = folder / f"{graph}.onnx"
        aside = folder / f"{graph}.{os.getpid()}.part"
        aside.write_bytes(content)
        aside.replace(path)
        digests[graph] = hashlib.sha256(content).hexdigest()
    return digests


def rewrite(folder: Path) -> None:
    """Export one catalogue entry's graphs and note their digests in its `spec.toml`."""
    digests = export_graphs(load_spec(folder.name), folder)
    lines = ["[graphs]", f'exporter = "torch {torch.__version__}, onnx {onnx.__version__}"']
    lines += [f'{graph} = "{digest}"' for graph, digest in digests.items()]
    path = folder / "spec.toml"
    text = re.sub(r"\n*\[graphs\].*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    path.write_text(text.rstrip() + "\n\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        rewrite(Path(argument))
