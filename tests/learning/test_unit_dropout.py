"""Dropout keeps the share that it should, scaled up, the same numbers every time it is asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.learning.model.spec import load_spec, parameter_count
from gboard_sim.learning.text.packing import Batch, pack
from gboard_sim.learning.trainers.torch_trainer import TorchTrainer
from gboard_sim.learning.trainers.trainer import Lesson
from gboard_sim.learning.unit_dropout import UnitDropout

SPEC = replace(load_spec("stackoverflow-lstm"), lane=10)  # of which the two widths differ
VOCABULARY = 30


def batch(messages: int, seed: int = 0) -> Batch:
    tokens = np.random.default_rng(seed).integers(2, VOCABULARY, 7 * messages).astype(np.int32)
    return pack(tokens, np.full(messages, 7), SPEC.lane)


@given(rate=st.floats(0.05, 0.9))
def test_every_number_is_zero_or_scaled_up_so_that_the_mean_stays(rate):
    [made] = UnitDropout(rate, 1, SPEC).on([batch(40)], 3)
    assert made.kept is not None
    assert made.kept.embedded.shape == (10, 40, SPEC.embedding)
    assert made.kept.features.shape == (10, 40, SPEC.features)
    for factors in made.kept:
        assert factors.dtype == np.float32
        assert set(np.unique(factors)) <= {np.float32(0), np.float32(1 / (1 - rate))}
        deviation = np.sqrt(rate / (1 - rate) / factors.size)
        assert factors.mean() == pytest.approx(1.0, abs=5 * deviation)


def test_without_it_batches_are_as_they_were():
    batches = [batch(2), batch(3)]
    made = list(UnitDropout(0.0, 1, SPEC).on(batches, 3))
    assert all(one is other for one, other in zip(batches, made, strict=True))


def test_the_same_stint_drops_the_same_and_no_other_does():
    def kept(seed: int, *ids: int) -> list[bytes]:
        made = UnitDropout(0.5, seed, SPEC).on([batch(2)] * 2, *ids)
        return [b.kept.embedded.tobytes() + b.kept.features.tobytes() for b in made]

    assert kept(1, 7, 0) == kept(1, 7, 0)
    every = [*kept(1, 7, 0), *kept(1, 7, 1), *kept(1, 8, 0), *kept(2, 7, 0)]
    assert len(set(every)) == 8


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_phones_of_unequal_lanes_drop_together_what_each_drops_alone(precision):
    tiny = replace(SPEC, units=12, embedding=6, output_dense=6)
    trainer = TorchTrainer(tiny, VOCABULARY, precision=precision)
    rng = np.random.default_rng(4)
    start = rng.normal(0, 0.1, parameter_count(tiny, VOCABULARY)).astype(np.float32)
    drop = UnitDropout(0.5, 1, tiny)
    own = [list(drop.on([batch(n, n), batch(n + 1, n)], n)) for n in (1, 4)]
    lessons = [Lesson(start, batches, 2, 0.5) for batches in own]
    for lesson, together in zip(lessons, trainer.train_together(lessons), strict=True):
        alone = trainer.train(start, lesson.batches, 0.5)
        moved = np.linalg.norm(alone.parameters - start)
        close = 1e-5 if precision == "float32" else 0.05
        assert np.linalg.norm(together.parameters - alone.parameters) < close * moved
