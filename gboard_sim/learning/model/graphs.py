"""Finds the ONNX graphs of a model: the shipped ones, or ones exported once and kept.

A graph holds no weights and fits any vocabulary, so a model of the catalogue needs no exporter.
When a user changes a size, the graphs are exported with torch into a folder that the caller names.
"""

import hashlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from gboard_sim import catalogue
from gboard_sim.errors import CatalogueError
from gboard_sim.learning.model.spec import ModelSpec, load_spec

GRAPH_NAMES = ("train_step", "score", "predict")


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
        train_step: (parameters, batch, learning rate) -> (new parameters, loss).
        score: (parameters, batch) -> (log-probability of each target, most probable ids).
        predict: (parameters, token, carried state) -> (most probable ids, new state).
    """

    train_step: Graph
    score: Graph
    predict: Graph

    def in_memory(self) -> "Graphs":
        """The same graphs without their files."""
        return Graphs(*(GraphBytes(getattr(self, name).read_bytes()) for name in GRAPH_NAMES))


def _in(folder: Path) -> Graphs:
    """The files of one folder."""
    return Graphs(*(folder / f"{graph}.onnx" for graph in GRAPH_NAMES))


def shipped_graphs(name: str) -> Graphs:
    """The graphs of a catalogue entry, checked against the digests in its `spec.toml`.

    Raises:
        CatalogueError: A graph is missing or is not the one that the entry describes.
    """
    folder = catalogue.locate("models", name)
    digests = catalogue.read("models", name).get("graphs", {})
    graphs = _in(folder)
    for graph in GRAPH_NAMES:
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
    return graphs


def find_graphs(spec: ModelSpec, cache: Path) -> Graphs:
    """The graphs that fit `spec`: shipped, kept in `cache`, or exported there now with torch.

    Raises:
        CatalogueError: The shipped graphs are damaged.
    """
    if spec.name in catalogue.names("models"):
        shipped = load_spec(spec.name)
        if shipped.architecture == spec.architecture:
            return shipped_graphs(spec.name)
    key = hashlib.sha256(repr(spec.architecture).encode()).hexdigest()[:16]
    folder = cache / key
    graphs = _in(folder)
    if not all((folder / f"{graph}.onnx").is_file() for graph in GRAPH_NAMES):
        import_module("gboard_sim.learning.model.tracing").export_graphs(spec, folder)
    return graphs
