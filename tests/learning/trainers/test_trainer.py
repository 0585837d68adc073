"""One suite over both trainers: what a `Trainer` must do, whatever runs it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gboard_sim.learning.model.definition import Kept, Text, loss
from gboard_sim.learning.model.graphs import shipped_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import WORD_ROWS, ModelSpec, layout, load_spec
from gboard_sim.learning.model.trained_parts import EVERYTHING, TrainedParts
from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.text.packing import BOS, Batch, pack
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer
from gboard_sim.learning.trainers.torch_trainer import TorchTrainer
from gboard_sim.learning.trainers.trainer import Lesson, Trained, Trainer, empty_carry
from gboard_sim.learning.unit_dropout import UnitDropout

VOCABULARY = 60
TINY = load_spec("tiny")
PUBLISHED = ["gboard-cifg", "mcmahan-lstm", "stackoverflow-lstm"]


def onnx_trainer(
    name: str = "tiny", vocabulary: int = VOCABULARY, parts: TrainedParts = EVERYTHING
) -> Trainer:
    return OnnxRuntimeTrainer(load_spec(name), vocabulary, shipped_graphs(name, parts), parts)


def torch_trainer(
    name: str = "tiny", vocabulary: int = VOCABULARY, parts: TrainedParts = EVERYTHING
) -> Trainer:
    return TorchTrainer(load_spec(name), vocabulary, parts=parts)


class Autograd:
    """Torch's own differentiation of the mean loss, in float64, by what is trained alone.

    A matrix with an adapter is W + P B: it stays as it was, and B is trained from 0.
    """

    def __init__(self, spec: ModelSpec, vocabulary: int, parts: TrainedParts = EVERYTHING) -> None:
        self.spec, self.layout = spec, layout(spec, vocabulary)
        frozen = WORD_ROWS if parts.word_rows == "frozen" else ()
        self.trained = [tensor for tensor in self.layout if tensor.name not in frozen]
        self.bases = {name: torch.tensor(p).double() for name, p in parts.bases(spec).items()}

    def moved(self, start: dict[str, torch.Tensor], flat: torch.Tensor) -> dict[str, torch.Tensor]:
        moved, at = dict(start), 0
        for tensor in self.trained:
            basis = self.bases.get(tensor.name)
            rows = tensor.shape[0] if basis is None else basis.shape[1]
            shape = (rows, *tensor.shape[1:])
            values = flat[at : at + np.prod(shape)].view(shape)
            step = values if basis is None else basis @ values
            moved[tensor.name] = start[tensor.name] + step
            at += values.numel()
        assert at == len(flat)
        return moved

    def train(self, parameters: np.ndarray, batches: list[Batch], rate: float) -> Trained:
        whole = torch.tensor(parameters).double()
        start = {t.name: whole[t.slice].view(t.shape) for t in self.layout}
        size = sum(
            t.size if t.name not in self.bases else self.bases[t.name].shape[1] * t.shape[1]
            for t in self.trained
        )
        flat, nats, tokens = torch.zeros(size).double(), 0.0, 0
        for batch in batches:
            flat.requires_grad_()
            tensors = self.moved(start, flat)
            ids = [torch.tensor(array) for array in (batch.inputs, batch.targets)]
            masks = [torch.tensor(array).double() for array in (batch.reset, batch.weight)]
            kept = [torch.tensor(array).double() for array in batch.kept or ()]
            text = Text(*ids, *masks, Kept(*kept) if kept else ())
            mean_loss = loss(self.spec, tensors, text)
            (gradient,) = torch.autograd.grad(mean_loss, flat)
            if self.spec.gradient_clip:
                gradient *= min(1.0, self.spec.gradient_clip / float(gradient.norm()))
            flat = flat.detach() - rate * gradient
            nats, tokens = nats + mean_loss.item() * batch.tokens, tokens + batch.tokens
        ends = torch.cat([t.flatten() for t in self.moved(start, flat).values()])
        return Trained(ends.float().numpy(), nats / tokens, tokens, len(batches))


def reference(
    name: str = "tiny", vocabulary: int = VOCABULARY, parts: TrainedParts = EVERYTHING
) -> Autograd:
    return Autograd(load_spec(name), vocabulary, parts)


MAKERS = {"onnxruntime": onnx_trainer, "torch": torch_trainer}


@pytest.fixture(scope="module", params=MAKERS)
def make(request: pytest.FixtureRequest) -> Callable[..., Trainer]:
    return MAKERS[request.param]


@pytest.fixture(scope="module")
def trainer(make: Callable[..., Trainer]) -> Trainer:
    return make()


def messages(
    seed: int, lengths: list[int], lane: int = TINY.lane, words: int = VOCABULARY
) -> Batch:
    rng = np.random.default_rng(seed)
    tokens = rng.integers(2, words, sum(lengths)).astype(np.int32)
    return pack(tokens, np.array(lengths), lane)


def start(name: str = "tiny", vocabulary: int = VOCABULARY) -> np.ndarray:
    """Parameters of an order that makes every gate move."""
    count = sum(t.size for t in layout(load_spec(name), vocabulary))
    return (np.random.default_rng(9).standard_normal(count) * 0.1).astype(np.float32)


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("name", ["tiny", *PUBLISHED])
def test_a_step_equals_the_float64_reference(make, name, dropout) -> None:
    # A rate this large makes the new parameters all gradient, so their error is its error.
    spec = load_spec(name)
    whole = messages(1, [4, 12, 7, 3, 20, 1], spec.lane)
    [batch] = UnitDropout(dropout, 1, spec).on([whole], 0)
    assert (batch.kept is None) == (not dropout)
    before = start(name)
    found = make(name).train(before, [batch], 1e4)
    expected = reference(name).train(before, [batch], 1e4)
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    for tensor in layout(load_spec(name), VOCABULARY):
        step = expected.parameters[tensor.slice]
        assert np.linalg.norm(step) > 3 * np.linalg.norm(before[tensor.slice])
        assert distance(found.parameters[tensor.slice], step) < 1e-5, tensor.name


PARTS = [TrainedParts("frozen"), TrainedParts(rank=3), TrainedParts("frozen", rank=3, seed=8)]


@pytest.mark.parametrize(
    ("name", "parts"),
    [*(("tiny", parts) for parts in PARTS), *((name, PARTS[-1]) for name in PUBLISHED)],
    ids=lambda given: given if isinstance(given, str) else given.step,
)
def test_steps_move_what_is_trained_as_the_reference_does_and_nothing_else(
    make, name, parts
) -> None:
    lane = load_spec(name).lane
    batches = [messages(seed, [4, 12, 7, 3, 20, 1], lane) for seed in range(3)]
    before = start(name)
    trainer = make(name, parts=parts)
    trainer.train(start(name) * 2, batches, 1.0)  # what ran before must not matter
    found = trainer.train(before, batches, 0.5)
    expected = reference(name, parts=parts).train(before, batches, 0.5)
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    wire = Wire(load_spec(name), VOCABULARY, parts)
    moved = wire.shrink(found.parameters - before)
    assert distance(moved, wire.shrink(expected.parameters - before)) < 2e-5
    for tensor in layout(load_spec(name), VOCABULARY):
        after = found.parameters[tensor.slice]
        step = after - before[tensor.slice]
        if parts.word_rows == "frozen" and tensor.name in WORD_ROWS:
            assert not step.any()
        else:
            assert np.linalg.norm(step) > 1e-6
            assert distance(after, expected.parameters[tensor.slice]) < 1e-6


@pytest.mark.parametrize("parts", PARTS, ids=lambda parts: parts.step)
def test_phones_train_parts_together_as_each_does_alone(make, parts) -> None:
    trainer = make(parts=parts)
    for lesson, found in zip(lessons(), trainer.train_together(lessons()), strict=True):
        alone = trainer.train(lesson.parameters, lesson.batches, lesson.learning_rate)
        assert np.abs(found.parameters - alone.parameters).max() < 1e-6


def test_fifty_steps_drift_no_further_than_rounding(trainer) -> None:
    batches = [messages(seed, [9, 12, 5, 8]) for seed in range(50)]
    before = initial_parameters(TINY, VOCABULARY, 0)
    found = trainer.train(before, batches, 0.5)
    expected = reference().train(before, batches, 0.5)
    drift = distance(found.parameters - before, expected.parameters - before)
    assert found.steps == 50
    assert drift < 5e-5  # of the whole movement; 1e-5 was measured for both trainers
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)


def test_loss_falls_on_text_that_repeats(trainer) -> None:
    batch = messages(3, [8] * 6)
    first = trainer.train(initial_parameters(TINY, VOCABULARY, 0), [batch], 2.0)
    later = trainer.train(first.parameters, [batch] * 300, 2.0)
    last = trainer.train(later.parameters, [batch], 0.0)
    assert first.loss == pytest.approx(np.log(VOCABULARY), abs=0.05)
    assert last.loss < 0.5 * first.loss


def test_a_rate_of_zero_changes_nothing_and_the_argument_is_never_written(trainer) -> None:
    before = start()
    kept = before.copy()
    found = trainer.train(before, [messages(4, [5, 6]), messages(5, [7])], 0.0)
    assert found.parameters.tobytes() == kept.tobytes() == before.tobytes()
    trainer.train(before, [messages(4, [5, 6])], 1.0)
    assert before.tobytes() == kept.tobytes()
    assert (found.tokens, found.steps) == (18, 2)


def test_no_batch_is_no_step(trainer) -> None:
    found = trainer.train(start(), [], 1.0)
    assert found.parameters.tobytes() == start().tobytes()
    assert (found.tokens, found.steps) == (0, 0)
    assert np.isnan(found.loss)


def test_the_loss_is_the_mean_over_tokens_not_over_steps(trainer) -> None:
    small, large = messages(6, [2]), messages(7, [10, 10, 10])
    alone = [trainer.train(start(), [batch], 0.0).loss for batch in (small, large)]
    both = trainer.train(start(), [small, large], 0.0).loss
    assert both == pytest.approx((2 * alone[0] + 30 * alone[1]) / 32, rel=1e-6)


@pytest.mark.parametrize("lanes", [1, 2, 7, 40])
def test_any_number_of_lanes_runs(trainer, lanes) -> None:
    batch = messages(lanes, [TINY.lane] * lanes)
    found = trainer.train(start(), [batch], 1.0)
    expected = reference().train(start(), [batch], 1.0)
    assert distance(found.parameters, expected.parameters) < 1e-6


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=9), seed=st.integers(0, 99))
def test_packed_training_equals_one_message_per_lane(trainer, lengths, seed) -> None:
    packed = messages(seed, lengths)
    padded = Batch(
        inputs=np.full((len(lengths), TINY.lane), BOS, np.int32),
        targets=np.full((len(lengths), TINY.lane), BOS, np.int32),
        reset=np.zeros((len(lengths), TINY.lane), np.float32),
        weight=np.zeros((len(lengths), TINY.lane), np.float32),
        positions=packed.positions,
    )
    words = packed.targets.ravel()[packed.positions]
    for row, (end, length) in enumerate(zip(np.cumsum(lengths), lengths, strict=True)):
        message = words[end - length : end]
        padded.inputs[row, :length] = [BOS, *message[:-1]]
        padded.targets[row, :length] = message
        padded.weight[row, :length] = 1.0
    one = trainer.train(start(), [packed], 1e4)
    other = trainer.train(start(), [padded], 1e4)
    assert one.loss == pytest.approx(other.loss, rel=1e-6)
    assert distance(one.parameters, other.parameters) < 1e-5


def test_padding_plays_no_part(trainer) -> None:
    batch = messages(8, [3, 5])
    empty = np.flatnonzero(batch.weight.ravel() == 0)
    noisy = messages(8, [3, 5])
    noisy.inputs.ravel()[empty] = 17
    noisy.targets.ravel()[empty] = 23
    clean, other = (trainer.train(start(), [b], 1.0) for b in (batch, noisy))
    assert clean.loss == pytest.approx(other.loss, rel=1e-7)
    assert distance(other.parameters, clean.parameters) < 1e-6


def test_a_reset_forgets_everything_before_it(trainer) -> None:
    one, other = messages(9, [6, 6]), messages(9, [6, 6])
    assert len(one.inputs) == 1
    other.inputs[0, 1:6] = other.targets[0, :5] = 31
    scored = [trainer.score(start(), batch) for batch in (one, other)]
    np.testing.assert_array_equal(
        scored[0].log_probability[0, 6:], scored[1].log_probability[0, 6:]
    )
    assert (scored[0].log_probability[0, 1:6] != scored[1].log_probability[0, 1:6]).all()


def test_the_loss_is_minus_the_mean_score(trainer) -> None:
    batch = messages(10, [5, 9, 12])
    scores = trainer.score(start(), batch)
    mean = scores.log_probability.ravel()[batch.positions].mean()
    assert trainer.train(start(), [batch], 0.0).loss == pytest.approx(-mean, rel=1e-5)


def test_one_token_at_a_time_scores_as_the_whole_message(trainer) -> None:
    batch = messages(11, [12])
    scores = trainer.score(start(), batch)
    carry = empty_carry(TINY, 1)
    for t in range(12):
        made = trainer.predict(start(), batch.inputs[:, t].copy(), carry)
        carry = made.carry
        np.testing.assert_array_equal(made.top[0], scores.top[0, t])
        known = np.flatnonzero(made.top[0] == batch.targets[0, t])
        if len(known):
            given_log = made.log_probability[0, known[0]]
            assert given_log == pytest.approx(scores.log_probability[0, t], abs=1e-5)
    assert (np.diff(made.log_probability) <= 0).all()


def test_repeated_runs_give_the_same_bits(make) -> None:
    batches = [messages(seed, [9, 12, 5, 8]) for seed in range(5)]
    first, second = make(), make()
    one = first.train(start(), batches, 0.5)
    first.train(start(), batches[::-1], 0.7)  # what ran before must not matter
    for again in (first.train(start(), batches, 0.5), second.train(start(), batches, 0.5)):
        assert again.parameters.tobytes() == one.parameters.tobytes()
        assert again.loss == one.loss


@pytest.mark.parametrize("vocabulary", [7, 333])
def test_one_graph_serves_any_vocabulary(make, vocabulary) -> None:
    batch = messages(12, [4, 8], words=vocabulary)
    found = make("tiny", vocabulary).train(start("tiny", vocabulary), [batch], 1.0)
    expected = reference("tiny", vocabulary).train(start("tiny", vocabulary), [batch], 1.0)
    assert distance(found.parameters, expected.parameters) < 1e-6


def lessons(name: str = "tiny") -> list[Lesson]:
    """Phones with unlike starts, rates, steps and lanes, one of them with nothing to train."""
    lane = load_spec(name).lane
    made = []
    for phone, steps in enumerate([3, 0, 7, 1, 7]):
        batches = [
            messages(10 * phone + step, [3 + phone, lane, 9] * (1 + (phone + step) % 3), lane)
            for step in range(steps)
        ]
        before = start(name) * (1 + 0.01 * phone)
        made.append(Lesson(before, batches, steps, 0.05 * (phone + 1)))
    return made


@pytest.mark.parametrize("name", ["tiny", *PUBLISHED])
def test_phones_that_train_together_learn_what_each_learns_alone(make, name) -> None:
    trainer = make(name)
    together = trainer.train_together(lessons(name))
    for lesson, found in zip(lessons(name), together, strict=True):
        alone = trainer.train(lesson.parameters, lesson.batches, lesson.learning_rate)
        assert (found.steps, found.tokens) == (alone.steps, alone.tokens)
        if not lesson.steps:
            assert found.parameters.tobytes() == lesson.parameters.tobytes()
            assert np.isnan(found.loss)
            continue
        assert found.loss == pytest.approx(alone.loss, rel=1e-6)
        movement = alone.parameters - lesson.parameters
        assert distance(found.parameters - lesson.parameters, movement) < 1e-5


def test_phones_that_train_together_give_the_same_bits_again(make) -> None:
    first, second = make(), make()
    one = first.train_together(lessons())
    first.train_together(lessons()[::-1])  # what ran before must not matter
    for again in (first.train_together(lessons()), second.train_together(lessons())):
        for found, expected in zip(again, one, strict=True):
            assert found.parameters.tobytes() == expected.parameters.tobytes()
            assert found.loss == expected.loss or found.steps == 0
