"""Real worker processes: they die, they fail, they are killed, and they leave nobody behind."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import psutil
import pytest

from gboard_sim.errors import ExperimentError, GboardSimError
from gboard_sim.learning import worker
from gboard_sim.learning.central import CentralPlan, TrainStretch
from gboard_sim.learning.jobs import ScoreRows, TrainChunks
from gboard_sim.learning.measured import MeasuredUpdates
from gboard_sim.learning.pool import MOST_DEATHS, InlinePool, ProcessPool
from gboard_sim.seam.records import LocalWork, Stint, Upload

SCORE = ScoreRows(0, "test", np.arange(4))


class Deadly:
    """A job that ends the worker that reads it."""

    def __reduce__(self):
        return os._exit, (1,)


def long(workshop) -> TrainStretch:
    """A job of some seconds."""
    return TrainStretch(
        CentralPlan("public", 1.0, batch_size=4, optimizer="fed_avg"),
        tokens=(0, 30 * len(workshop.rows("public").tokens)),
        learning_rate=0.1,
        parameters=workshop.snapshots.read(0),
        optimizer={},
    )


def workers() -> list[psutil.Process]:
    """The worker processes below this one."""
    return [
        child for child in psutil.Process().children()
        if child.is_running() and "gboard_sim.learning.worker" in " ".join(child.cmdline())
    ]  # fmt: skip


def gone(processes: list[psutil.Process], within_s: float) -> bool:
    return not psutil.wait_procs(processes, timeout=within_s)[1]


@pytest.fixture
def pool(workshop) -> Iterator[ProcessPool]:
    """One worker that has started, so that a job begins at once."""
    made = ProcessPool(workshop, 1)
    made.start(("score", 0, 0), SCORE)
    made.finished(waiting=True)
    yield made
    made.close()


def same(one, other) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in type(one).__slots__
    )


def expected(workshop, job):
    inline = InlinePool(workshop)
    inline.start(("x", 0, 0), job)
    [(_, result)] = inline.finished(waiting=True)
    return result


def test_workers_answer_what_this_process_would(workshop):
    pool = ProcessPool(workshop, 2)
    jobs = {("score", 0, n): ScoreRows(0, "test", np.arange(n, n + 3)) for n in range(3)}
    assert pool.idle() == 2
    found = {}
    waiting = list(jobs.items())
    while len(found) < len(jobs):
        while waiting and pool.idle():
            pool.start(*waiting.pop())
        found |= dict(pool.finished(waiting=True))
    assert pool.idle() == 2
    assert pool.finished(waiting=True) == []  # nothing is under way, so nothing is waited for
    pool.close()
    assert found.keys() == jobs.keys()
    assert all(same(result, expected(workshop, jobs[key])) for key, result in found.items())


def test_a_worker_killed_in_the_middle_of_a_job_is_replaced(workshop, pool):
    [first] = workers()
    pool.start(("pretrain", 0, 0), long(workshop))
    time.sleep(0.05)
    assert pool.finished(waiting=False) == []
    first.send_signal(signal.SIGKILL)
    done = []
    while not done:
        done = pool.finished(waiting=True)
    [(key, result)] = done
    assert key == ("pretrain", 0, 0)
    assert same(result, expected(workshop, long(workshop)))
    [second] = workers()
    assert second.pid != first.pid


def test_a_worker_killed_while_idle_is_replaced(workshop, pool):
    [first] = workers()
    first.send_signal(signal.SIGKILL)
    assert gone([first], 10)
    pool.start(("score", 0, 1), SCORE)
    done = []
    while not done:
        done = pool.finished(waiting=True)
    assert same(done[0][1], expected(workshop, SCORE))


def test_a_job_that_kills_every_worker_ends_the_run_with_one_message(pool):
    pool.start(("train", 3, 0), Deadly())
    for _ in range(MOST_DEATHS - 1):
        assert pool.finished(waiting=True) == []
    with pytest.raises(GboardSimError, match=rf"{MOST_DEATHS} worker processes.*\('train', 3, 0\)"):
        pool.finished(waiting=True)


def test_an_exception_in_a_worker_comes_back_as_itself(workshop, pool):
    wild = LocalWork(epochs=None, steps=2, batch_size=4, learning_rate=1e30)
    stint = Stint(0, 0, 0, wild, (0, 3), 9, 0.0, 1.0)
    sent = Upload(5, 0, 0, (stint,), 1, 1.0, 2.0)
    pool.start(("train", 1, 0), TrainChunks([sent], [1.0], 8))
    with pytest.raises(ExperimentError, match=r"training\.learning_rate"):
        pool.finished(waiting=True)


def test_a_worker_without_room_for_its_answer_says_so_and_leaves_the_text(workshop, pool):
    stint = Stint(0, 0, 0, LocalWork(None, 2, 4, 0.1), (0, 3), 9, 0.0, 1.0)
    size = workshop.codec.payload_bytes(workshop.wire.parameters)
    sent = Upload(5, 0, 0, (stint,), size, 1.0, 2.0)
    [process] = workers()
    process.rlimit(psutil.RLIMIT_FSIZE, (1000, 1000))  # as a full disk, or memory
    pool.start(("train", 1, 0), TrainChunks([sent], [1.0], 8))
    with pytest.raises(GboardSimError, match=r"no room for the .* bytes"):
        pool.finished(waiting=True)
    assert workers() == [process]
    assert workshop.text.exists()


def test_an_exception_that_cannot_be_sent_is_told_in_words():
    class Local(Exception):
        pass

    @dataclass
    class Failing:
        error: Exception

        def work(self, workshop):
            raise self.error

    answer = worker.answer(Failing(Local("of this function")), None)
    assert str(pickle.loads(pickle.dumps(answer))) == "Local: of this function"
    error = ExperimentError("as it is")
    assert worker.answer(Failing(error), None) is error


def test_workers_are_deaf_to_ctrl_c_from_their_birth(workshop):
    pool = ProcessPool(workshop, 1)
    [process] = workers()
    process.send_signal(signal.SIGINT)
    pool.start(("score", 0, 0), SCORE)
    [(_, result)] = pool.finished(waiting=True)
    process.send_signal(signal.SIGINT)
    pool.start(("score", 0, 1), SCORE)
    assert len(pool.finished(waiting=True)) == 1
    assert workers() == [process]
    pool.close()
    assert same(result, expected(workshop, SCORE))


def test_no_worker_is_left_after_close_however_busy(workshop):
    pool = ProcessPool(workshop, 2)
    pool.start(("pretrain", 0, 0), long(workshop))
    processes = workers()
    assert len(processes) == 2
    began = time.perf_counter()
    pool.close()
    assert gone(processes, 0.0)
    assert time.perf_counter() - began < 5.0
    pool.close()  # once more does no harm


def test_workers_find_modules_where_this_process_does(workshop, tmp_path, monkeypatch):
    (tmp_path / "queue.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(tmp_path)
    pool = ProcessPool(workshop, 1)
    pool.start(("score", 0, 0), SCORE)
    assert len(pool.finished(waiting=True)) == 1
    pool.close()


def test_workers_end_in_silence_when_their_parent_is_killed(workshop, tmp_path):
    measured = MeasuredUpdates(tmp_path / "measured")
    measured.write(3, (np.zeros(4, np.float32), 0.0, 1))
    own = replace(workshop, text=tmp_path / "text", measured=measured)
    shutil.copytree(workshop.text, own.text)
    (tmp_path / "workshop").write_bytes(pickle.dumps((own, long(workshop), SCORE)))
    script = """
import pickle, sys, time
from gboard_sim.learning.measured import MeasuredUpdates
from gboard_sim.learning.pool import ProcessPool
workshop, long, score = pickle.load(open(sys.argv[1], "rb"))
pool = ProcessPool(workshop, 3)
pool.start(("score", 0, 0), score)
pool.finished(waiting=True)
pool.start(("score", 0, 1), score)   # an answer that nobody reads
time.sleep(0.2)
pool.start(("pretrain", 0, 0), long)
print("started", flush=True)
time.sleep(60)
"""
    with (tmp_path / "stderr").open("wb") as said:
        parent = subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "workshop")],
            stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) == 3
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(children, 20)
    assert (tmp_path / "stderr").read_text() == ""
    for private in (own.text, tmp_path / "measured"):
        assert not private.exists(), "it outlived the run that was killed"
