"""A cohort's sum is that of a plain loop, in whatever order its chunks come in."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.learning.closing import CHUNK, MOST_EARLY, TAIL, Averaging
from gboard_sim.learning.jobs import ChunkSum
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.server_optimizers import fed_avg
from gboard_sim.seam.records import Cohort, LocalWork, Stint, Upload

WORK = LocalWork(epochs=1, steps=None, batch_size=8, learning_rate=0.5)
SIZE = 5
BEFORE = LearnerState(0, 0, {})


def averaging(these: Cohort, chunks: int = 1) -> Averaging:
    return Averaging(these, fed_avg(), 1.0, chunks)


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


def answer(job) -> tuple[ChunkSum, ...]:
    """What a worker would make of a job."""
    sums = []
    for first in range(0, len(job.uploads), job.chunk):
        uploads, total = job.uploads[first : first + job.chunk], np.zeros(SIZE)
        for upload, weight in zip(uploads, job.weights[first : first + job.chunk], strict=True):
            total = total + weight * update(upload.phone).astype(np.float64)
        tokens = sum(10 + upload.phone for upload in uploads)
        sums.append(ChunkSum(total, 1.0 + uploads[0].phone, tokens))
    return tuple(sums)


def by_hand(uploads: int) -> tuple[np.ndarray, float, int]:
    """Chunks of five in phone order, then the chunks in order; the mean, the loss, the tokens."""
    total, nats, tokens, weights = np.zeros(SIZE), 0.0, 0, 0.0
    for first in range(0, uploads, 5):
        chunk, count = np.zeros(SIZE), 0
        for phone in range(first, min(first + 5, uploads)):
            weight = 1.0 + 0.1 * phone
            chunk = chunk + weight * update(phone).astype(np.float64)
            count += 10 + phone
        total = total + chunk
        nats += (1.0 + first) * count
        tokens += count
    for phone in range(uploads):
        weights += 1.0 + 0.1 * phone
    return total / weights, nats / tokens, tokens


@given(uploads=st.integers(1, 45), chunks=st.integers(1, 4), data=st.data())
def test_the_mean_depends_neither_on_the_order_of_arrival_nor_on_chunks_a_job(
    uploads, chunks, data
):
    closing = averaging(cohort([0] * uploads, 1), chunks)
    started = []
    while closing.ready(0):
        started.append(closing.start(BEFORE))
    assert [number for number, _ in started] == list(range(-(-uploads // (chunks * CHUNK))))
    for number, job in data.draw(st.permutations(started)):
        assert not closing.complete
        closing.add(number, answer(job))
    assert closing.complete
    mean, loss, tokens = by_hand(uploads)
    assert closing.take_mean().tobytes() == mean.tobytes()
    assert (closing.loss, closing.tokens) == (loss, tokens)


def test_chunks_hold_the_uploads_in_phone_order():
    closing = averaging(cohort([0] * 13, 1))
    chunks = [closing.start(BEFORE)[1] for _ in range(3)]
    assert [[u.phone for u in chunk.uploads] for chunk in chunks] == [
        list(range(5)),
        list(range(5, 10)),
        [10, 11, 12],
    ]
    assert chunks[2].weights == closing.cohort.weights[10:]
    assert not closing.ready(0)
    assert not closing.complete  # started is not done


def test_a_chunk_starts_when_the_versions_of_all_its_uploads_exist():
    closing = averaging(cohort([0] * 4 + [3] + [1] * 2, 5))
    assert [closing.ready(version) for version in (0, 1)] == [False, True]
    at_1 = replace(BEFORE, version=1)
    assert closing.start(at_1)[0] == 1  # the second may go before the first
    assert [closing.ready(version) for version in (2, 3)] == [False, True]


def test_only_the_last_few_jobs_start_with_the_longest():
    these = cohort([0] * 60, 1)
    stints = [replace(u.stints[0], tokens=10 + u.phone // 5) for u in these.uploads]
    uploads = tuple(replace(u, stints=(s,)) for u, s in zip(these.uploads, stints, strict=True))
    closing = averaging(replace(these, uploads=uploads))
    started = [closing.start(BEFORE)[0] for _ in range(12)]
    assert started == [*range(12 - TAIL), *range(11, 11 - TAIL, -1)]


def test_few_sums_wait_for_one_that_is_slow():
    closing = averaging(cohort([0] * (5 * (MOST_EARLY + TAIL + 30)), 1))
    number, slow = closing.start(BEFORE)
    while closing.ready(0):
        early, job = closing.start(BEFORE)
        closing.add(early, answer(job))
    assert len(closing._early) == MOST_EARLY
    closing.add(number, answer(slow))
    assert not closing._early
    assert closing.ready(0)


def test_sums_that_were_added_are_not_kept():
    closing = averaging(cohort([0] * 20, 1))
    chunks = [closing.start(BEFORE) for _ in range(4)]
    for number, chunk in (chunks[2], chunks[1]):
        closing.add(number, answer(chunk))
    assert sorted(closing._early) == [1, 2]
    closing.add(0, answer(chunks[0][1]))
    assert not closing._early
