import numpy as np
import pytest

from gboard_sim.learning.text.batches import (
    TokenStore,
    stint_batches,
    stint_steps,
    stint_tokens,
)
from gboard_sim.learning.text.packing import Batch
from gboard_sim.seam.records import LocalWork, Stint

LENGTHS = [3, 1, 4, 0, 5, 2, 6, 1]


@pytest.fixture
def store() -> TokenStore:
    """Eight rows; row r consists of the token 10 + r."""
    first = np.concatenate([[0], np.cumsum(LENGTHS)])
    return TokenStore(np.repeat(np.arange(10, 18), LENGTHS).astype(np.int32), first)


def stint(rows: tuple[int, int], phone: int = 7, nth: int = 0, **work: int) -> Stint:
    local = LocalWork(
        epochs=work.get("epochs"),
        steps=work.get("steps"),
        batch_size=work.get("batch_size", 3),
        learning_rate=0.1,
    )
    return Stint(phone, nth, 0, local, rows, 0, 0.0, 0.0)


def rows_of(batch: Batch) -> list[int]:
    return sorted({int(token) - 10 for token in batch.targets[batch.weight > 0]})


def passes(store: TokenStore, work: Stint) -> list[list[int]]:
    return [rows_of(batch) for batch in stint_batches(store, work, 5, 4)]


def test_an_epoch_meets_every_row_with_text_once(store: TokenStore) -> None:
    steps = passes(store, stint((0, 8), epochs=2))
    assert [len(rows) for rows in steps] == [3, 3, 1, 3, 3, 1]
    for half in (steps[:3], steps[3:]):
        assert sorted(row for rows in half for row in rows) == [0, 1, 2, 4, 5, 6, 7]
    assert steps[:3] != steps[3:]


def test_steps_cycle_over_shuffled_passes(store: TokenStore) -> None:
    assert passes(store, stint((0, 8), steps=4)) == passes(store, stint((0, 8), epochs=2))[:4]
    assert passes(store, stint((1, 3), steps=3)) == [[1, 2]] * 3


def test_order_follows_seed_phone_and_count_alone(store: TokenStore) -> None:
    same = passes(store, stint((0, 8), epochs=3))
    assert same == passes(store, stint((0, 8), epochs=3))
    assert same != passes(store, stint((0, 8), phone=8, epochs=3))
    assert same != passes(store, stint((0, 8), nth=1, epochs=3))


def test_a_batch_carries_its_rows_tokens(store: TokenStore) -> None:
    (batch,) = stint_batches(store, stint((4, 7), epochs=1), 5, 4)
    counts = np.bincount(batch.targets[batch.weight > 0])
    assert counts[14:17].tolist() == LENGTHS[4:7]


def test_a_cache_without_text_makes_no_batch(store: TokenStore) -> None:
    assert passes(store, stint((3, 4), epochs=1)) == []
    assert passes(store, stint((3, 4), steps=5)) == []
    assert passes(store, stint((2, 2), steps=5)) == []


@pytest.mark.parametrize("rows", [(0, 8), (0, 0), (3, 4), (2, 7)])
@pytest.mark.parametrize("work", [{"epochs": 2}, {"steps": 5}])
def test_steps_and_tokens_are_those_of_the_batches(store: TokenStore, rows, work) -> None:
    these = stint(rows, **work)
    assert stint_steps(store, these) == len(passes(store, these))
    batches = stint_batches(store, these, 5, 4)
    assert stint_tokens(store, these, 5) == sum(int(batch.weight.sum()) for batch in batches)
