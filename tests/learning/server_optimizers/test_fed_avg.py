"""FedAvg by hand, and against central training on the same text."""

import numpy as np
import pytest

from gboard_sim.learning.model.graphs import shipped_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import load_spec
from gboard_sim.learning.server_optimizers import OPTIMIZERS, fed_avg
from gboard_sim.learning.text.packing import Batch, pack
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer
from gboard_sim.learning.trainers.torch_trainer import TorchTrainer
from gboard_sim.learning.trainers.trainer import Trainer


def test_two_steps_by_hand() -> None:
    optimizer = fed_avg()
    parameters = np.array([1.0, -2.0], np.float32)
    state = optimizer.init(parameters)
    state, parameters = optimizer.apply(state, parameters, np.array([0.5, 1.0]), 1.0)
    assert parameters.tolist() == [1.5, -1.0]
    state, parameters = optimizer.apply(state, parameters, np.array([-4.0, 2.0]), 0.25)
    assert parameters.tolist() == [0.5, -0.5]
    assert parameters.dtype == np.float32
    assert state == {}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_no_optimizer_changes_what_it_is_given(name: str) -> None:
    optimizer = OPTIMIZERS[name]()
    assert optimizer.name == name
    parameters, update = np.ones(3, np.float32), np.full(3, 0.5)
    state = optimizer.init(parameters)
    kept = {key: value.copy() for key, value in state.items()}
    first = optimizer.apply(state, parameters, update, 1.0)
    again = optimizer.apply(state, parameters, update, 1.0)
    assert (parameters == 1).all()
    assert (update == 0.5).all()
    assert all((state[key] == kept[key]).all() for key in kept)
    np.testing.assert_array_equal(first[1], again[1])
    assert all(value.dtype == np.float64 and value.shape == (3,) for value in first[0].values())
    assert (first[1] > 1).all()  # every optimiser moves along the update


RATE = 20.0  # so that float32's rounding of the parameters is small beside the steps


def text(seed: int, messages: int, lane: int) -> tuple[np.ndarray, np.ndarray, Batch]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, 12, messages)
    tokens = rng.integers(2, 50, lengths.sum()).astype(np.int32)
    return tokens, lengths, pack(tokens, lengths, lane)


@pytest.mark.parametrize("make", ["onnxruntime", "torch"])
def test_full_participation_with_one_full_batch_step_is_central_sgd(make: str) -> None:
    spec = load_spec("tiny")
    trainer: Trainer = (
        TorchTrainer(spec, 50)
        if make == "torch"
        else OnnxRuntimeTrainer(spec, 50, shipped_graphs("tiny"))
    )
    phones = [text(seed, messages, spec.lane) for seed, messages in enumerate((2, 5, 1, 9))]
    central = pack(
        np.concatenate([tokens for tokens, _, _ in phones]),
        np.concatenate([lengths for _, lengths, _ in phones]),
        spec.lane,
    )
    start = initial_parameters(spec, 50, 0)
    optimizer = fed_avg()
    state = optimizer.init(start)
    federated = alone = start
    for _ in range(3):
        updates = [trainer.train(federated, [batch], RATE).parameters for _, _, batch in phones]
        weights = [batch.tokens / central.tokens for _, _, batch in phones]
        mean = sum(
            weight * (update.astype(np.float64) - federated)
            for weight, update in zip(weights, updates, strict=True)
        )
        state, federated = optimizer.apply(state, federated, np.asarray(mean), 1.0)
        alone = trainer.train(alone, [central], RATE).parameters
    moved = np.linalg.norm(alone - start)
    assert moved > 0.3
    assert np.linalg.norm(federated - alone) < 1e-4 * moved
