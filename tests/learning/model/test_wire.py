"""What of an update travels, and what the server makes of it."""

import numpy as np
import pytest

from gboard_sim.learning.model.spec import WORD_ROWS, layout, load_spec, parameter_count
from gboard_sim.learning.model.trained_parts import TrainedParts, adapted_shapes
from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.server_optimizers import OPTIMIZERS

SPEC, VOCABULARY = load_spec("tiny"), 70
PARTS = {
    "everything": TrainedParts(),
    "frozen": TrainedParts("frozen"),
    "adapters": TrainedParts(rank=5, seed=3),
    "both": TrainedParts("frozen", rank=5, seed=3),
}


def vector(seed: int, size: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def whole(seed: int) -> np.ndarray:
    return vector(seed, parameter_count(SPEC, VOCABULARY))


def by_hand(update: np.ndarray, parts: TrainedParts) -> np.ndarray:
    bases = parts.bases(SPEC)
    travels = []
    for tensor in layout(SPEC, VOCABULARY):
        values = update[tensor.slice].reshape(tensor.shape)
        if tensor.name in bases:
            travels.append(np.einsum("ir,ic->rc", bases[tensor.name], values))
        elif parts.word_rows == "all" or tensor.name not in WORD_ROWS:
            travels.append(values)
    return np.concatenate([values.ravel() for values in travels])


@pytest.mark.parametrize("name", PARTS)
def test_the_compact_vector_has_what_is_trained_in_the_layouts_order(name):
    wire = Wire(SPEC, VOCABULARY, PARTS[name])
    found = wire.shrink(whole(1))
    assert (found.dtype, found.shape) == (np.float32, (wire.parameters,))
    np.testing.assert_allclose(found, by_hand(whole(1), PARTS[name]), rtol=1e-5, atol=1e-5)
    assert wire.whole == parameter_count(SPEC, VOCABULARY)


def test_the_sizes_of_gboards_model():
    spec = load_spec("gboard-cifg")
    sizes = {
        parts: Wire(spec, spec.vocabulary, parts).parameters
        for parts in (TrainedParts(), TrainedParts("frozen"), TrainedParts("frozen", rank=8))
    }
    # 10,000 x 96 rows of words; 96 rows of each kernel become 8, and 670 of the projection
    assert list(sizes.values()) == [1_412_250, 452_250, 8 * (2010 + 2010 + 96) + 2010]


def test_bases_are_orthonormal_unlike_each_other_and_the_seeds():
    bases = PARTS["both"].bases(SPEC)
    assert bases.keys() == adapted_shapes(SPEC).keys()
    for basis in bases.values():
        np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-6)
    again = TrainedParts("frozen", rank=5, seed=3).bases(SPEC)
    other = TrainedParts("frozen", rank=5, seed=4).bases(SPEC)
    for name, basis in bases.items():
        assert basis.tobytes() == again[name].tobytes()
        assert np.abs(basis - other[name]).max() > 0.1
    same_shape = np.abs(bases["input_kernel"] - bases["recurrent_kernel"])
    assert same_shape.max() > 0.1


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_an_optimizer_moves_nothing_but_what_travels(name, optimizer):
    parts, inner = PARTS[name], OPTIMIZERS[optimizer]()
    wire = Wire(SPEC, VOCABULARY, parts)
    outer = wire.through(inner)
    parameters = first = whole(2)
    state = outer.init(parameters)
    compact, compact_state = wire.shrink(first), inner.init(wire.shrink(first))
    for step in range(3):
        mean = vector(10 + step, wire.parameters).astype(np.float64)
        state, parameters = outer.apply(state, parameters, mean, 0.3)
        compact_state, compact = inner.apply(compact_state, compact, mean, 0.3)
    for key, values in state.items():
        assert values.tobytes() == compact_state[key].tobytes()
    assert parameters.dtype == np.float32
    np.testing.assert_allclose(wire.shrink(parameters), compact, rtol=1e-4, atol=1e-5)
    bases = parts.bases(SPEC)
    for tensor in layout(SPEC, VOCABULARY):
        before, after = first[tensor.slice], parameters[tensor.slice]
        if parts.word_rows == "frozen" and tensor.name in WORD_ROWS:
            assert before.tobytes() == after.tobytes()
        elif tensor.name in bases:
            step, basis = (after - before).reshape(tensor.shape), bases[tensor.name]
            assert np.linalg.norm(step) > 1
            np.testing.assert_allclose(step, basis @ (basis.T @ step), atol=1e-5)
        else:
            assert (before != after).all()


@pytest.mark.parametrize("name", PARTS)
def test_a_step_that_travels_moves_parameters_by_it_and_nothing_else(name):
    parts = PARTS[name]
    wire = Wire(SPEC, VOCABULARY, parts)
    step = vector(7, wire.parameters)
    before, after = whole(2), wire.moved(whole(2), step)
    np.testing.assert_allclose(wire.shrink(after - before), step, rtol=1e-4, atol=1e-5)
    bases = parts.bases(SPEC)
    for tensor in layout(SPEC, VOCABULARY):
        moved = (after - before)[tensor.slice].reshape(tensor.shape)
        if parts.word_rows == "frozen" and tensor.name in WORD_ROWS:
            assert not moved.any()
        elif tensor.name in bases:
            basis = bases[tensor.name]
            np.testing.assert_allclose(moved, basis @ (basis.T @ moved), atol=1e-5)


def test_the_mean_of_what_travels_is_what_travels_of_the_mean():
    """With one P for all, FedAvg of adapters is exact (Sun et al. 2024)."""
    wire = Wire(SPEC, VOCABULARY, PARTS["both"])
    bases = PARTS["both"].bases(SPEC)
    start, updates = whole(3), [vector(seed, wire.parameters) for seed in (4, 5, 6)]
    _, after = wire.through(OPTIMIZERS["fed_avg"]()).apply(
        {}, start, np.mean(updates, axis=0, dtype=np.float64), 1.0
    )
    at = 0
    for tensor in layout(SPEC, VOCABULARY):
        if tensor.name in WORD_ROWS:
            continue
        basis = bases.get(tensor.name, np.eye(tensor.shape[0]))
        columns = tensor.size // tensor.shape[0]
        size = basis.shape[1] * columns
        grown = [basis @ update[at : at + size].reshape(-1, columns) for update in updates]
        expected = start[tensor.slice] + np.mean(grown, axis=0).ravel()
        np.testing.assert_allclose(after[tensor.slice], expected, rtol=1e-5, atol=1e-5)
        at += size
    assert at == wire.parameters


@pytest.mark.parametrize("name", ["tiny", "stackoverflow-lstm"])
def test_rows_of_some_words_and_what_has_no_rows_are_picked_and_placed(name):
    spec, parts = load_spec(name), TrainedParts("typed", rank=2)
    wire = Wire(spec, 9, parts)
    words = np.array([1, 4, 8])
    compact = vector(7, wire.parameters)
    kept, at = np.zeros(wire.parameters, bool), 0
    bases = parts.bases(spec)
    for tensor in layout(spec, 9):
        rows = 2 if tensor.name in bases else tensor.shape[0]
        size = rows * tensor.size // tensor.shape[0]
        flags = np.ones((rows, size // rows), bool)
        if tensor.name in WORD_ROWS:
            flags = np.repeat(np.isin(np.arange(9), words)[:, None], size // 9, axis=1)
        kept[at : at + size] = flags.ravel()
        at += size
    assert at == wire.parameters
    picked = wire.pick(compact, words)
    assert picked.tobytes() == compact[kept].tobytes()
    assert len(picked) == wire.numbers(3)
    assert wire.place(picked, words).tobytes() == np.where(kept, compact, 0).tobytes()
