"""The graph with its weights inside: standard, small, and the model that it was."""

from itertools import pairwise

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx.reference import ReferenceEvaluator

from gboard_sim.learning.model.filled_graph import filled
from gboard_sim.learning.model.graph_facts import graph_facts
from gboard_sim.learning.model.graphs import shipped_graphs
from gboard_sim.learning.model.numpy_model import NumpyModel
from gboard_sim.learning.model.quantization import weights_kept
from gboard_sim.learning.model.spec import load_spec, parameter_count
from gboard_sim.learning.trainers.trainer import Carry

CASES = [
    *(("tiny", precision) for precision in ("float32", "fp16", "int8", "int4")),
    ("mcmahan-lstm", "int8"),
    ("stackoverflow-lstm", "int8"),
]
VOCABULARY = 41


def made(model: str, precision: str, vocabulary: int = VOCABULARY):
    spec = load_spec(model)
    size = parameter_count(spec, vocabulary)
    parameters = np.random.default_rng(7).normal(0, 0.1, size).astype(np.float32)
    graph = shipped_graphs(model).predict.read_bytes()
    return spec, parameters, filled(graph, spec, vocabulary, parameters, precision)


def given(spec):
    rng = np.random.default_rng(5)
    return {
        "token": np.array([3, 0, 40], np.int32),
        "out": rng.normal(size=(3, spec.recurrent)).astype(np.float32),
        "state": rng.normal(size=(3, spec.units)).astype(np.float32),
    }


def run(content: bytes, values):
    runner = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [node.name for node in runner.get_outputs()]
    return dict(zip(names, runner.run(names, values), strict=True))


@pytest.mark.parametrize(("model", "precision"), CASES)
def test_it_is_the_model_with_the_weights_that_are_kept(model, precision):
    spec, parameters, content = made(model, precision)
    kept = NumpyModel(spec, VOCABULARY, weights_kept(spec, VOCABULARY, parameters, precision))
    values = given(spec)
    carry = kept.advance(Carry(values["out"], values["state"]), values["token"])
    found = run(content, values)
    assert found["log_probabilities"] == pytest.approx(kept.log_probabilities(carry), abs=1e-4)
    assert found["new_out"] == pytest.approx(carry.out, abs=1e-5)
    assert found["new_state"] == pytest.approx(carry.state, abs=1e-5)
    best = np.take_along_axis(found["log_probabilities"], found["top"], axis=1)
    assert (best == found["log_probability"]).all()
    assert all((first >= second).all() for first, second in pairwise(best.T))


@pytest.mark.parametrize(("model", "precision"), CASES)
def test_it_is_standard_and_equal_in_the_reference_evaluator(model, precision):
    spec, _, content = made(model, precision)
    graph = onnx.load_from_string(content)
    onnx.checker.check_model(graph, full_check=True)
    assert {opset.domain for opset in graph.opset_import} == {""}
    assert {node.domain for node in graph.graph.node} == {""}
    values = given(spec)
    names = [value.name for value in graph.graph.output]
    reference = dict(zip(names, ReferenceEvaluator(graph).run(None, values), strict=True))
    found = run(content, values)
    assert (found["top"] == reference["top"]).all()
    for name in set(names) - {"top"}:
        assert found[name] == pytest.approx(reference[name], abs=1e-5), name


@pytest.mark.parametrize(
    ("precision", "bytes_published"), [("float32", 5.65e6), ("int8", 1.45e6), ("int4", 0.75e6)]
)
def test_gboards_model_is_as_small_as_published(precision, bytes_published):
    """Hard et al. 2018: 1.4 MB with quantised weights; the embedding is in the file once."""
    _, _, content = made("gboard-cifg", precision, 10_000)
    assert 0.97 * bytes_published < len(content) < bytes_published + 5_000
    shapes = [list(t.dims) for t in onnx.load_from_string(content).graph.initializer]
    assert shapes.count([10_000, 96]) == 1


def test_its_facts_are_those_of_the_graph():
    facts = graph_facts(made("tiny", "int4")[2])
    assert facts["opset"] == 21
    assert facts["inputs"]["token"][0] == "int32"
    assert facts["inputs"]["state"][2] == 128
    lanes = facts["inputs"]["token"][1]
    assert isinstance(lanes, str)
    assert facts["outputs"]["log_probabilities"] == ["float32", lanes, VOCABULARY]
    assert facts["operators"]["Sigmoid"] == 2
