"""The bound on what follows the first piece of a word, against the logits that it spares."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.keyboard.tokenizer import BEGIN
from gboard_sim.learning.evaluation.flat_bound import FlatBound
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.numpy_model import NumpyModel
from gboard_sim.learning.model.spec import load_spec, parameter_count
from gboard_sim.learning.trainers.trainer import Carry, empty_carry


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.01, 0.1, 0.5, 2.0]),
    st.sampled_from(["tiny", "mcmahan-lstm", "stackoverflow-lstm"]),
)
def test_it_is_above_what_follows_in_any_state(seed, scale, name):
    rng = np.random.default_rng(seed)
    spec, size = load_spec(name), 30
    parameters = rng.standard_normal(parameter_count(spec, size)) * scale
    begins = rng.permutation(size) < rng.integers(1, size)
    if spec.output_bias and seed % 2:  # the last tensor: here it alone tells pieces apart
        parameters[-size:] *= np.where(begins, 30.0, 0.0)
    model = NumpyModel(spec, size, parameters.astype(np.float32))
    states = Carry(
        rng.uniform(-1, 1, (6, spec.recurrent)).astype(np.float32) * np.float32(rng.random()),
        np.zeros((6, spec.units), np.float32),
    )
    logprobs = model.log_probabilities(states).astype(np.float64)
    ends = np.logaddexp.reduce(logprobs[:, begins], axis=1)
    goes_on = logprobs[:, ~begins].max(axis=1)
    bound = FlatBound(model, begins).after(model.features(states))
    assert (bound >= np.maximum(ends, goes_on) - 1e-5).all()


def test_for_a_model_that_is_all_bias_it_is_found_by_hand():
    # Ten of thirty pieces begin a word, one of them with a logit of 3, all others with 0. Bennett's
    # inequality is an equation for two values, so Jensen's alone leaves a gap.
    spec = load_spec("stackoverflow-lstm")
    parameters = np.zeros(parameter_count(spec, 30), np.float32)
    parameters[-30] = 3.0
    model = NumpyModel(spec, 30, parameters)
    bound = FlatBound(model, np.arange(30) < 10).after(np.zeros((1, spec.features), np.float32))
    assert bound[0] == pytest.approx(np.log(np.e**3 + 9) - np.log(30) - 3 / 30, rel=1e-5)
    assert bound[0] > np.log((np.e**3 + 9) / (np.e**3 + 29))


@pytest.mark.parametrize("name", ["tiny", "mcmahan-lstm", "stackoverflow-lstm", "gboard-cifg"])
def test_it_is_close_before_training(name):
    # Closer than the logits vary by themselves: else it would not tell one piece from another.
    spec, size = load_spec(name), 4000
    model = NumpyModel(spec, size, initial_parameters(spec, size, 5))
    begins = np.random.default_rng(6).random(size) < 0.6
    carry = empty_carry(spec, 20)
    for token in (BEGIN, 70, 700):
        carry = model.advance(carry, np.full(20, token) + np.arange(20) * (token != BEGIN))
    logprobs = model.log_probabilities(carry).astype(np.float64)
    ends = np.logaddexp.reduce(logprobs[:, begins], axis=1)
    gap = FlatBound(model, begins).after(model.features(carry)) - ends
    assert (gap >= -1e-5).all()
    assert (gap < 0.2 * logprobs.std(axis=1)).all()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.01, 0.1, 0.5]),
    st.sampled_from([0.0, 1e-3, 0.1, 3.0]),
    st.sampled_from(["tiny", "mcmahan-lstm", "stackoverflow-lstm"]),
)
def test_it_is_above_what_follows_any_state_in_reach(seed, scale, distance, name):
    rng = np.random.default_rng(seed)
    spec, size = load_spec(name), 30
    parameters = rng.standard_normal(parameter_count(spec, size)) * scale
    model = NumpyModel(spec, size, parameters.astype(np.float32))
    begins = rng.permutation(size) < rng.integers(1, size)
    features = rng.standard_normal((4, spec.features)).astype(np.float32)
    step = rng.standard_normal((4, spec.units)) * rng.random(spec.units) ** 4  # some in few units
    step *= distance / np.linalg.norm(step, axis=1, keepdims=True)
    logits = (features + step @ model.above) @ model.output.T.astype(float) + model.output_bias
    logprobs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    ends = np.logaddexp.reduce(logprobs[:, begins], axis=1)
    goes_on = logprobs[:, ~begins].max(axis=1)
    bound = FlatBound(model, begins).around(features, np.full((4, 2), distance))
    assert (bound >= np.maximum(ends, goes_on)[:, None] - 1e-5).all()
    if not distance:
        np.testing.assert_allclose(bound[:, 0], FlatBound(model, begins).after(features))


def test_a_model_that_has_gone_wrong_is_bounded_by_nothing():
    spec = load_spec("tiny")
    model = NumpyModel(spec, 30, np.full(parameter_count(spec, 30), np.nan, np.float32))
    bound = FlatBound(model, np.arange(30) < 10).around(
        np.ones((2, spec.features)), np.ones((2, 1))
    )
    assert not (bound < 0).any()
