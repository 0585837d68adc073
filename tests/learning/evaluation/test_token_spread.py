"""How far tokens leave a state from where the made one does, against a step for each of them."""

import numpy as np
import pytest

from gboard_sim.keyboard.tokenizer import BEGIN
from gboard_sim.learning.evaluation.token_spread import TokenSpread
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.numpy_model import NumpyModel
from gboard_sim.learning.model.spec import GATES, layout, load_spec, parameter_count
from gboard_sim.learning.trainers.trainer import Carry, empty_carry

MODELS = ["tiny", "mcmahan-lstm", "stackoverflow-lstm"]
SIZE = 60


def cell_outputs(spec, parameters, carry, brought):
    """The cell's output before its projection, by the definition, in float64. [B, n, U]."""
    tensors = {t.name: parameters[t.slice].reshape(t.shape) for t in layout(spec, SIZE)}
    gates = brought[None] + (carry.out @ tensors["recurrent_kernel"].astype(float))[:, None]
    parts = np.split(gates, GATES[spec.cell], axis=2)
    forget = 1 / (1 + np.exp(-parts[0]))
    admit = 1 - forget if spec.cell == "cifg" else 1 / (1 + np.exp(-parts[1]))
    state = forget * carry.state[:, None] + admit * np.tanh(parts[-1])
    return np.tanh(state) / (1 + np.exp(-parts[-2]))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("scale", [0.01, 0.1, 1.0])
def test_no_token_is_further_than_its_bound(name, scale):
    spec = load_spec(name)
    rng = np.random.default_rng(7)
    parameters = (rng.standard_normal(parameter_count(spec, SIZE)) * scale).astype(np.float32)
    model = NumpyModel(spec, SIZE, parameters)
    read = model.read(np.arange(SIZE))
    carry = Carry(
        rng.uniform(-1, 1, (5, spec.recurrent)).astype(np.float32),
        (rng.standard_normal((5, spec.units)) * 2).astype(np.float32),
    )
    features, distance = TokenSpread(model, read).after(carry)
    made = cell_outputs(spec, parameters, carry, read.mean(axis=0, keepdims=True).astype(float))
    each = cell_outputs(spec, parameters, carry, read.astype(float))
    assert distance.shape == (5, SIZE)
    assert (distance >= np.linalg.norm(each - made, axis=2) * (1 - 1e-5)).all()
    above = made[:, 0] @ model.above
    plain = above if model._dense_bias is None else above + model._dense_bias
    np.testing.assert_allclose(features, plain, rtol=1e-4, atol=1e-5 * max(1.0, scale * 100))


@pytest.mark.parametrize("name", [*MODELS, "gboard-cifg"])
def test_before_training_a_bound_is_near_to_the_distance(name):
    spec = load_spec(name)
    parameters = initial_parameters(spec, SIZE, 2)
    model = NumpyModel(spec, SIZE, parameters)
    read = model.read(np.arange(SIZE))
    carry = empty_carry(spec, 4)
    for token in (BEGIN, 7, 11):
        carry = model.advance(carry, np.full(4, token) + np.arange(4) * (token != BEGIN))
    _, distance = TokenSpread(model, read).after(carry)
    each = cell_outputs(spec, parameters, carry, read.astype(float))
    made = cell_outputs(spec, parameters, carry, read.mean(axis=0, keepdims=True).astype(float))
    assert (distance < 2.5 * np.linalg.norm(each - made, axis=2)).all()
