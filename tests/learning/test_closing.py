"""A cohort's sum is that of a plain loop, in whatever order its chunks come in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.learning.closing import CHUNK, Closing
from gboard_sim.learning.jobs import ChunkSum
from gboard_sim.records import Cohort, LocalWork, Stint, Upload

WORK = LocalWork(epochs=1, steps=None, batch_size=8, learning_rate=0.5)
SIZE = 5


def cohort(bases: list[int], version: int) -> Cohort:
    uploads = tuple(
        Upload(phone, phone, 0, (Stint(phone, 0, base, WORK, (0, 1), 10, 0.0, 1.0),), 36, 1.0, 2.0)
        for phone, base in enumerate(bases)
    )
    weights = tuple(1.0 + 0.1 * phone for phone in range(len(bases)))
    return Cohort("train", version, 10.0, uploads, weights, 0)


def update(phone: int) -> np.ndarray:
    """An update whose numbers do not add up exactly, so that the order of additions shows."""
    return np.random.default_rng(phone).normal(size=SIZE).astype(np.float32)


def answer(chunk) -> ChunkSum:
    """What a worker would make of a chunk."""
    total = np.zeros(SIZE)
    for upload, weight in zip(chunk.uploads, chunk.weights, strict=True):
        total = total + weight * update(upload.phone).astype(np.float64)
    tokens = sum(10 + upload.phone for upload in chunk.uploads)
    return ChunkSum(total, 1.0 + chunk.uploads[0].phone, tokens)


def by_hand(uploads: int) -> tuple[np.ndarray, float, int]:
    """Chunks of eight in phone order, then the chunks in order; the mean, the loss, the tokens."""
    total, nats, tokens, weights = np.zeros(SIZE), 0.0, 0, 0.0
    for first in range(0, uploads, 8):
        chunk, count = np.zeros(SIZE), 0
        for phone in range(first, min(first + 8, uploads)):
            weight = 1.0 + 0.1 * phone
            chunk = chunk + weight * update(phone).astype(np.float64)
            count += 10 + phone
        total = total + chunk
        nats += (1.0 + first) * count
        tokens += count
    for phone in range(uploads):
        weights += 1.0 + 0.1 * phone
    return total / weights, nats / tokens, tokens


@given(uploads=st.integers(1, 45), data=st.data())
def test_the_mean_does_not_depend_on_the_order_of_arrival(uploads, data):
    closing = Closing(cohort([0] * uploads, 1))
    started = []
    while closing.ready(0):
        started.append(closing.start())
    assert [number for number, _ in started] == list(range(-(-uploads // CHUNK)))
    for number, chunk in data.draw(st.permutations(started)):
        assert not closing.complete
        closing.add(number, answer(chunk))
    assert closing.complete
    mean, loss, tokens = by_hand(uploads)
    assert closing.take_mean().tobytes() == mean.tobytes()
    assert (closing.loss, closing.tokens) == (loss, tokens)


def test_chunks_hold_the_uploads_in_phone_order():
    closing = Closing(cohort([0] * 19, 1))
    chunks = [closing.start()[1] for _ in range(3)]
    assert [[u.phone for u in chunk.uploads] for chunk in chunks] == [
        list(range(8)),
        list(range(8, 16)),
        [16, 17, 18],
    ]
    assert chunks[2].weights == closing.cohort.weights[16:]
    assert not closing.ready(0)
    assert not closing.complete  # started is not done


def test_a_chunk_starts_when_the_versions_of_all_its_uploads_exist():
    closing = Closing(cohort([0] * 7 + [3] + [1] * 2, 5))
    assert [closing.ready(version) for version in (2, 3)] == [False, True]
    closing.start()
    # Chunks start in order, so the second did not overtake the first; now it may go.
    assert [closing.ready(version) for version in (0, 1)] == [False, True]


def test_sums_that_were_added_are_not_kept():
    closing = Closing(cohort([0] * 32, 1))
    chunks = [closing.start() for _ in range(4)]
    for number, chunk in (chunks[2], chunks[1]):
        closing.add(number, answer(chunk))
    assert sorted(closing._early) == [1, 2]
    closing.add(0, answer(chunks[0][1]))
    assert not closing._early
