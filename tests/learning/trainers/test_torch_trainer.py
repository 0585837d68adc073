"""What torch can do beside what every trainer must: bfloat16 products, and a GPU."""

import numpy as np
import pytest
import torch

from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import layout, load_spec
from gboard_sim.learning.model.trained_parts import TrainedParts
from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.text.packing import Batch, pack
from gboard_sim.learning.trainers.torch_trainer import TorchTrainer
from gboard_sim.learning.trainers.trainer import Lesson

VOCABULARY = 300
ROUNDING = 2.0**-8
"""The largest relative error of one rounding to bfloat16."""


def messages(seed: int, lengths: list[int], lane: int) -> Batch:
    rng = np.random.default_rng(seed)
    tokens = 2 + rng.zipf(1.5, 20 * sum(lengths)) % (VOCABULARY - 2)
    return pack(tokens[: sum(lengths)].astype(np.int32), np.array(lengths), lane)


def movement(trainer: TorchTrainer, start: np.ndarray, batches: list[Batch], rate: float):
    return trainer.train(start, batches, rate).parameters - start


@pytest.mark.parametrize("name", ["tiny", "gboard-cifg", "mcmahan-lstm", "stackoverflow-lstm"])
def test_a_bfloat16_step_is_the_float32_step_within_a_few_roundings(name) -> None:
    spec = load_spec(name)
    batch = messages(1, [5, spec.lane, 9, 4, 7], spec.lane)
    size = sum(tensor.size for tensor in layout(spec, VOCABULARY))
    start = (np.random.default_rng(9).standard_normal(size) * 0.1).astype(np.float32)
    exact, rough = (
        movement(TorchTrainer(spec, VOCABULARY, precision=precision), start, [batch], 1e3)
        for precision in ("float32", "bfloat16")
    )
    for tensor in layout(spec, VOCABULARY):
        one, other = exact[tensor.slice], rough[tensor.slice]
        error = np.linalg.norm(other - one) / np.linalg.norm(one)
        assert 1e-5 < error < 8 * ROUNDING, tensor.name  # and it is not float32 in disguise


def test_bfloat16_adapters_move_as_float32_ones_alone_and_together() -> None:
    spec, parts = load_spec("tiny"), TrainedParts("frozen", rank=4)
    wire = Wire(spec, VOCABULARY, parts)
    batch = messages(1, [5, spec.lane, 9, 4, 7], spec.lane)
    start = initial_parameters(spec, VOCABULARY, 0)
    exact, rough = (
        TorchTrainer(spec, VOCABULARY, precision=precision, parts=parts)
        for precision in ("float32", "bfloat16")
    )
    expected = wire.shrink(movement(exact, start, [batch], 1.0))
    lesson = Lesson(start, [batch], 1, 1.0)
    together = [trained.parameters - start for trained in rough.train_together([lesson, lesson])]
    for found in (movement(rough, start, [batch], 1.0), *together):
        error = np.linalg.norm(wire.shrink(found) - expected) / np.linalg.norm(expected)
        assert 1e-5 < error < 8 * ROUNDING


def test_bfloat16_training_follows_float32_down_and_its_masters_take_steps_below_a_rounding():
    spec = load_spec("tiny")
    start = initial_parameters(spec, VOCABULARY, 0)
    batches = [messages(seed % 8, [9, 12, 5, 8, 12, 12], spec.lane) for seed in range(160)]
    exact, rough = TorchTrainer(spec, VOCABULARY), TorchTrainer(
        spec, VOCABULARY, precision="bfloat16"
    )  # fmt: skip
    curves = {}
    for trainer in (exact, rough):
        parameters, curve = start, []
        for first in range(0, 160, 40):
            trained = trainer.train(parameters, batches[first : first + 40], 1.0)
            parameters = trained.parameters
            curve.append(trained.loss)
        curves[trainer] = np.array(curve)
    assert (np.diff(curves[rough]) < 0).all()
    assert curves[rough][-1] < 0.8 * np.log(VOCABULARY)
    np.testing.assert_allclose(curves[rough], curves[exact], rtol=5e-3)
    tiny_steps = movement(rough, start, batches[:40], 1e-5)
    expected = movement(exact, start, batches[:40], 1e-5)
    assert np.abs(expected).max() < ROUNDING * np.abs(start).max()
    assert np.linalg.norm(tiny_steps - expected) < 0.05 * np.linalg.norm(expected)


def test_scores_are_float32_whatever_the_products_are() -> None:
    spec = load_spec("tiny")
    start, batch = initial_parameters(spec, VOCABULARY, 0), messages(3, [5, 9], spec.lane)
    exact, rough = (
        TorchTrainer(spec, VOCABULARY, precision=precision).score(start, batch)
        for precision in ("float32", "bfloat16")
    )
    assert exact.log_probability.tobytes() == rough.log_probability.tobytes()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_gpu_trains_as_the_processor_does_and_repeats_its_bits(precision) -> None:
    spec = load_spec("gboard-cifg")
    start = initial_parameters(spec, VOCABULARY, 0)
    lessons = [
        Lesson(start, [messages(8 * phone + n, [5, 9, 20], 20) for n in range(steps)], steps, 0.5)
        for phone, steps in enumerate([4, 1, 6])
    ]
    here = TorchTrainer(spec, VOCABULARY, "cpu", precision).train_together(lessons)
    card = TorchTrainer(spec, VOCABULARY, "cuda", precision)
    there, again = card.train_together(lessons), card.train_together(lessons)
    tolerance = 1e-4 if precision == "float32" else 8 * ROUNDING
    for one, other, repeated in zip(here, there, again, strict=True):
        moved = one.parameters - start
        error = np.linalg.norm(other.parameters - one.parameters) / np.linalg.norm(moved)
        assert error < tolerance
        assert other.parameters.tobytes() == repeated.parameters.tobytes()
