import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from gboard_sim import catalogue
from gboard_sim.errors import CatalogueError
from gboard_sim.learning.model.graphs import find_graphs, shipped_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import load_spec, shapes
from gboard_sim.learning.model.trained_parts import SHIPPED, TrainedParts
from gboard_sim.learning.text.packing import pack
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer
from gboard_sim.learning.trainers.torch_trainer import TorchTrainer

NAMES = ["tiny", "gboard-cifg", "mcmahan-lstm", "stackoverflow-lstm"]


@pytest.mark.parametrize("name", NAMES)
def test_shipped_graphs_are_small_and_plain_and_hold_no_weights(name: str) -> None:
    for graph in SHIPPED:
        path: Path = catalogue.locate("models", name) / f"{graph}.onnx"
        assert path.stat().st_size < 40_000
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
        assert {opset.domain for opset in model.opset_import} == {""}
        assert not model.functions
        assert all(node.domain == "" for node in model.graph.node)
        assert sum(np.prod(t.dims) for t in model.graph.initializer) < 100
        given = [value.name for value in model.graph.input]
        names = list(shapes(load_spec(name), 10))
        assert given[: len(names)] == names


@pytest.mark.parametrize("name", NAMES)
def test_the_digests_in_the_entry_are_those_of_its_files(name: str) -> None:
    entry = catalogue.read("models", name)["graphs"]
    assert entry["exporter"].startswith("torch ")
    for graph in SHIPPED:
        content = (catalogue.locate("models", name) / f"{graph}.onnx").read_bytes()
        assert entry[graph] == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("damage", [b"", None])
def test_a_damaged_graph_is_refused(tmp_path, monkeypatch, damage) -> None:
    folder = tmp_path / "models" / "tiny"
    shutil.copytree(catalogue.locate("models", "tiny"), folder)
    monkeypatch.setenv(catalogue.USER_PATH_VARIABLE, str(tmp_path))
    shipped_graphs("tiny")
    if damage is None:
        (folder / "score.onnx").unlink()
    else:
        (folder / "score.onnx").write_bytes(damage)
    with pytest.raises(CatalogueError, match=r"score\.onnx.*hint"):
        find_graphs(load_spec("tiny"), tmp_path)


def outputs(model: bytes, given: dict[str, np.ndarray]) -> list[np.ndarray]:
    runner = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return runner.run(None, {value.name: given[value.name] for value in runner.get_inputs()})


@pytest.mark.parametrize(
    "graph",
    [
        # As long as the one below, which has all its parts and more; other sizes of it, too.
        pytest.param("train_step", marks=pytest.mark.slow),
        "train_step_frozen_adapted",
        "score",
        "predict",
    ],
)
def test_exporting_anew_gives_graphs_of_the_same_numbers(graph: str) -> None:
    from gboard_sim.learning.model.tracing import trace

    spec = load_spec("tiny")
    rng = np.random.default_rng(0)
    made = {
        name: (rng.standard_normal(shape) * 0.3).astype(np.float32)
        for name, shape in shapes(spec, 21).items()
    }
    batch = pack(rng.integers(2, 21, 19).astype(np.int32), np.array([4, 9, 6]), spec.lane)
    made |= {
        "inputs": batch.inputs,
        "targets": batch.targets,
        "reset": batch.reset,
        "weight": batch.weight,
        "kept_embedded": rng.random((spec.lane, 2, spec.embedding), np.float32),
        "kept_features": np.full((1, 1, 1), 0.5, np.float32),  # it broadcasts
        "learning_rate": np.array(0.5, np.float32),
        **{f"basis_{key}": basis for key, basis in TrainedParts(rank=4).bases(spec).items()},
        "token": np.array([3, 4], np.int32),
        "out": np.ones((2, spec.recurrent), np.float32),
        "state": np.ones((2, spec.units), np.float32),
    }
    shipped = (catalogue.locate("models", "tiny") / f"{graph}.onnx").read_bytes()
    anew = trace(spec, graph).SerializeToString()
    for one, other in zip(outputs(shipped, made), outputs(anew, made), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_changed_sizes_are_exported_once_and_then_found(tmp_path, monkeypatch) -> None:
    spec = replace(load_spec("tiny"), embedding=6, projection=6, units=9, lane=3)
    graphs = find_graphs(spec, tmp_path)
    assert tmp_path in graphs.score.parents
    monkeypatch.setattr("gboard_sim.learning.model.tracing.export_graphs", None)
    assert find_graphs(spec, tmp_path) == graphs
    parameters = initial_parameters(spec, 30, 0)
    batch = pack(np.arange(2, 12, dtype=np.int32), np.array([7, 3]), 3)
    found = OnnxRuntimeTrainer(spec, 30, graphs).train(parameters, [batch] * 2, 1.0)
    expected = TorchTrainer(spec, 30).train(parameters, [batch] * 2, 1.0)
    np.testing.assert_allclose(found.parameters, expected.parameters, rtol=1e-5, atol=1e-7)
