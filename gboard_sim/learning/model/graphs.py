"""Finds the ONNX graphs of a model: the shipped ones, or ones exported once and kept.

A graph holds no weights and fits any vocabulary, so a model of the catalogue needs no exporter.
When a user changes a size, the graphs are exported with torch into a folder that the caller names.
"""

import hashlib
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path

from gboard_sim import catalogue
from gboard_sim.errors import CatalogueError
from gboard_sim.learning.model.spec import ModelSpec, load_spec
from gboard_sim.learning.model.trained_parts import EVERYTHING, TrainedParts

GRAPH_NAMES = ("train_step", "score", "predict")
"""The graphs that a phone runs."""


@dataclass(frozen=True, slots=True)
class GraphBytes:
    """A graph without its file: what goes to a machine that may not have it."""

    content: bytes

    def read_bytes(self) -> bytes:
        """What the file holds."""
        return self.content


Graph = Path | GraphBytes
"""Where to read one graph."""


@dataclass(frozen=True, slots=True)
class Graphs:
    """One model's graphs.

    Attributes:
        train_step: (parameters, batch, learning rate) -> (new parameters, loss), of those parts
            that phones train.
        score: (parameters, batch) -> (log-probability of each target, most probable ids).
        predict: (parameters, token, carried state) -> (most probable ids, new state).
        whole_step: As `train_step`, of all parts: what trains in one place before version 0.
    """

    train_step: Graph
    score: Graph
    predict: Graph
    whole_step: Graph

    def in_memory(self) -> "Graphs":
        """The same graphs without their files."""
        return Graphs(*(GraphBytes(getattr(self, each.name).read_bytes()) for each in fields(self)))


def _needed(parts: TrainedParts) -> tuple[str, ...]:
    """The names of the files that `Graphs` names, in its order."""
    return (parts.step, "score", "predict", EVERYTHING.step)


def _in(folder: Path, parts: TrainedParts) -> Graphs:
    """The files of one folder."""
    return Graphs(*(folder / f"{graph}.onnx" for graph in _needed(parts)))


def shipped_graphs(name: str, parts: TrainedParts = EVERYTHING) -> Graphs:
    """The graphs of a catalogue entry, checked against the digests in its `spec.toml`.

    Args:
        name: The entry's.
        parts: What phones train.

    Raises:
        CatalogueError: A graph is missing or is not the one that the entry describes.
    """
    folder = catalogue.locate("models", name)
    digests = catalogue.read("models", name).get("graphs", {})
    for graph in _needed(parts):
        path = folder / f"{graph}.onnx"
        if not path.is_file():
            raise CatalogueError(
                f"{path}: missing; hint: python -m gboard_sim.learning.model.tracing {folder}"
            )
        if hashlib.sha256(path.read_bytes()).hexdigest() != digests.get(graph):
            raise CatalogueError(
                f"{path}: its sha256 is not the [graphs] {graph} of {folder / 'spec.toml'}; "
                f"hint: python -m gboard_sim.learning.model.tracing {folder}"
            )
    return _in(folder, parts)


def find_graphs(spec: ModelSpec, cache: Path, parts: TrainedParts = EVERYTHING) -> Graphs:
    """The graphs that fit `spec`: shipped, kept in `cache`, or exported there now with torch.

    Args:
        spec: The model's sizes.
        cache: Folder in which graphs are kept.
        parts: What phones train.

    Raises:
        CatalogueError: The shipped graphs are damaged.
    """
    if spec.name in catalogue.names("models"):
        shipped = load_spec(spec.name)
        if shipped.architecture == spec.architecture:
            return shipped_graphs(spec.name, parts)
    key = hashlib.sha256(repr(spec.architecture).encode()).hexdigest()[:16]
    folder = cache / key
    missing = [name for name in _needed(parts) if not (folder / f"{name}.onnx").is_file()]
    if missing:
        tracing = import_module("gboard_sim.learning.model.tracing")
        tracing.export_graphs(spec, folder, tuple(dict.fromkeys(missing)))
    return _in(folder, parts)
