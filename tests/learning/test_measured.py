"""Updates that were measured and kept, against training them again."""

from dataclasses import replace

import numpy as np

from gboard_sim.learning.jobs import MeasureAttempt, TrainChunks
from gboard_sim.learning.measured import MeasuredUpdates
from tests.learning.test_jobs import upload


class Counted:
    """Counts what is trained."""

    def __init__(self, trainer):
        self.trainer, self.lessons = trainer, 0

    def train_together(self, lessons):
        self.lessons += len(lessons)
        return self.trainer.train_together(lessons)


def test_what_is_kept_is_read_as_it_was_written_until_it_is_forgotten(tmp_path):
    kept = MeasuredUpdates(tmp_path / "measured")
    update = np.random.default_rng(1).normal(size=1000).astype(np.float32)
    kept.write(7, (update, float("nan"), 12))
    read, loss, tokens = kept.read(7)
    assert read.tobytes() == update.tobytes()
    assert read.dtype == np.float32
    assert (np.isnan(loss), tokens) == (True, 12)
    assert kept.has(7)
    kept.forget([7, 8])
    assert not kept.has(7)
    assert list((tmp_path / "measured").iterdir()) == []


def test_a_measured_attempt_is_trained_once_and_its_chunk_has_the_same_bits(workshop, tmp_path):
    uploads = [replace(upload(workshop, phone), session=phone) for phone in range(5)]
    weights = [1.0, 2.0, 0.5, 1.0, 3.0]
    [expected] = TrainChunks(uploads, weights, 5).work(workshop)
    keeps = replace(workshop, measured=MeasuredUpdates(tmp_path))
    keeps.__dict__["trainer"] = counted = Counted(workshop.trainer)
    for each in (uploads[1], uploads[3]):
        measure = MeasureAttempt(each, keeps=True).work(keeps)
        assert measure == MeasureAttempt(each).work(workshop)
    MeasureAttempt(uploads[4]).work(keeps)
    assert counted.lessons == 3
    [found] = TrainChunks(uploads, weights, 5).work(keeps)
    assert counted.lessons == 3 + 3  # all but the two that were kept
    assert found.total.tobytes() == expected.total.tobytes()
    assert (found.loss, found.tokens, found.losses) == (
        expected.loss, expected.tokens, expected.losses,
    )  # fmt: skip
