import subprocess
import sys

import numpy as np
import pytest

from gboard_sim.learning.model.graphs import shipped_graphs
from gboard_sim.learning.model.numpy_model import NumpyModel
from gboard_sim.learning.model.spec import load_spec, parameter_count
from gboard_sim.learning.text.packing import BOS, Batch, pack
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer
from gboard_sim.learning.trainers.trainer import Carry, empty_carry

VOCABULARY = 50
MODELS = ["tiny", "mcmahan-lstm", "stackoverflow-lstm", "gboard-cifg"]


def random_parameters(name, scale=0.1):
    """Parameters of an order that makes every gate, and every bias, move."""
    count = parameter_count(load_spec(name), VOCABULARY)
    return (np.random.default_rng(4).standard_normal(count) * scale).astype(np.float32)


def graphs_of(name):
    return OnnxRuntimeTrainer(load_spec(name), VOCABULARY, shipped_graphs(name))


def random_tokens(seed, count):
    return np.random.default_rng(seed).integers(2, VOCABULARY, count).astype(np.int32)


@pytest.mark.parametrize("name", MODELS)
def test_the_score_graph_gives_the_same_log_probabilities(name):
    spec, parameters = load_spec(name), random_parameters(name)
    lengths = [spec.lane, 7, 1, 4]  # the last three share a lane: the state is reset between them
    tokens = random_tokens(1, sum(lengths))
    batch = pack(tokens, np.array(lengths), spec.lane)
    assert len(batch.inputs) == 2
    expected = graphs_of(name).score(parameters, batch).log_probability.ravel()[batch.positions]
    model = NumpyModel(spec, VOCABULARY, parameters)
    found = []
    for message in np.split(tokens, np.cumsum(lengths)[:-1]):
        carry = empty_carry(spec, 1)
        for read, target in zip([BOS, *message[:-1]], message, strict=True):
            carry = model.advance(carry, np.array([read]))
            found.append(model.log_probabilities(carry)[0, target])
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=5e-6)
    assert np.std(expected) > 0.02


@pytest.mark.parametrize("name", MODELS)
def test_the_score_graph_gives_the_same_distribution_over_all_tokens(name):
    # One lane per token of the vocabulary: the same message, and each token once as the target.
    spec, parameters = load_spec(name), random_parameters(name)
    message = random_tokens(2, spec.lane - 1)
    inputs = np.tile(np.array([BOS, *message], np.int32), (VOCABULARY, 1))
    targets = np.tile(np.arange(VOCABULARY, dtype=np.int32)[:, None], (1, spec.lane))
    ones = np.ones(inputs.shape, np.float32)
    batch = Batch(inputs, targets, 0 * ones, ones, np.arange(inputs.size))
    expected = graphs_of(name).score(parameters, batch).log_probability[:, -1]
    model = NumpyModel(spec, VOCABULARY, parameters)
    carry = empty_carry(spec, 1)
    for token in inputs[0]:
        carry = model.advance(carry, np.array([token]))
    np.testing.assert_allclose(model.log_probabilities(carry)[0], expected, rtol=1e-6, atol=5e-6)
    assert np.exp(model.log_probabilities(carry)).sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_the_predict_graph_carries_the_same_states(name):
    spec, parameters = load_spec(name), random_parameters(name)
    model, graphs = NumpyModel(spec, VOCABULARY, parameters), graphs_of(name)
    ours = theirs = empty_carry(spec, 5)
    for step in range(6):
        tokens = random_tokens(10 + step, 5)
        ours = model.advance(ours, tokens)
        made = graphs.predict(parameters, tokens, theirs)
        theirs = made.carry
        np.testing.assert_allclose(ours.out, theirs.out, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(ours.state, theirs.state, rtol=1e-4, atol=1e-6)
        best = np.take_along_axis(model.log_probabilities(ours), made.top.astype(np.int64), axis=1)
        np.testing.assert_allclose(best, made.log_probability, rtol=1e-6, atol=5e-6)


def test_one_state_meets_many_tokens_as_copies_of_it_would():
    spec = load_spec("tiny")
    model = NumpyModel(spec, VOCABULARY, random_parameters("tiny"))
    one = model.advance(empty_carry(spec, 1), np.array([BOS]))
    tokens = np.arange(VOCABULARY)
    copies = Carry(np.repeat(one.out, VOCABULARY, axis=0), np.repeat(one.state, VOCABULARY, axis=0))
    met, expected = model.step(one, model.read(tokens)), model.advance(copies, tokens)
    np.testing.assert_allclose(met.out, expected.out, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(met.state, expected.state, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_far_out_of_range_overflow_nowhere(name):
    spec = load_spec(name)
    model = NumpyModel(spec, VOCABULARY, random_parameters(name, scale=100.0))
    carry = empty_carry(spec, 3)
    for step in range(3):
        carry = model.advance(carry, random_tokens(step, 3))
        assert carry.out.dtype == carry.state.dtype == np.float32
        assert np.isfinite(model.log_probabilities(carry)).all()


def test_scoring_in_pieces_imports_neither_torch_nor_onnx():
    program = (
        "import sys; import gboard_sim.learning.evaluation.piece_word_scorer; "
        "assert not {'torch', 'onnx', 'onnxruntime', 'simpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
