"""Worker processes: each answers one job at a time, in its own process, on one core.

Workers are started as `python -m gboard_sim.learning.worker` rather than forked or spawned by
`multiprocessing`, so that a user's script needs no `if __name__ == "__main__"`. They ignore Ctrl-C
and end when their pipe closes, so they do not outlive a run that is killed. A worker that dies is
replaced and its job given to another.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, Protocol

from gboard_sim.errors import GboardSimError
from gboard_sim.learning.array_pipe import ArrayPipe, memory_file
from gboard_sim.learning.jobs import Job, Result
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog import provenance

MOST_DEATHS = 3
"""Deaths of workers on one job before the run gives up (assumed)."""

ONE_THREAD = {
    name: "1"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS")
}
"""The environment of every worker: phones run side by side in processes."""


Key = tuple[str, int, int]
"""Names a job: what it is for, the version or session, and its number there."""


class Pool(Protocol):
    """Something that carries out jobs, in any order, and says which are done."""

    @property
    def workers(self) -> int:
        """How many jobs run at a time, at most."""
        ...

    @property
    def processors(self) -> Sequence[str]:
        """The models of the processors that take part, this process's among them."""
        ...

    def idle(self) -> int:
        """Jobs that could be started at once."""
        ...

    def start(self, key: Key, job: Job) -> None:
        """Begin a job; there must be an idle worker."""
        ...

    def finished(self, *, waiting: bool) -> Sequence[tuple[Key, Result]]:
        """Jobs done since the last call; with `waiting`, blocks for news if any is under way.

        A worker that has died is news too, so there may be none.
        """
        ...

    def close(self) -> None:
        """End the workers."""
        ...


class InlinePool:
    """Carries out every job as it is started, in this process: for tests and for a GPU."""

    def __init__(self, workshop: Workshop) -> None:
        self.workers = 1
        self.processors = (provenance.processor(),)
        self._workshop = workshop
        self._done: list[tuple[Key, Result]] = []

    def idle(self) -> int:
        """One, unless a result waits to be taken: results are as large as models."""
        return 0 if self._done else 1

    def start(self, key: Key, job: Job) -> None:
        """Carry the job out."""
        self._done.append((key, job.work(self._workshop)))

    def finished(self, *, waiting: bool) -> Sequence[tuple[Key, Result]]:
        """What was carried out."""
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """There is nothing to end."""


class _Process:
    """One worker process and the job it has."""

    def __init__(self, workshop: Workshop) -> None:
        self.job: tuple[Key, Job] | None = None
        near, far = Pipe()
        file = memory_file()
        self.pipe = ArrayPipe(near, file)
        given = (far.fileno(), file)
        # The worker finds modules where this process does, not in the folder that it is run in.
        places = os.pathsep.join(map(os.path.abspath, sys.path))
        with _without_interrupts():
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gboard_sim.learning.worker", *map(str, given)],
                pass_fds=given,
                env=os.environ | ONE_THREAD | {"PYTHONPATH": places},
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # what kills the run's group leaves them time to tidy up
            )
        far.close()
        with suppress(OSError):  # one that died already is replaced when it gets a job
            self.pipe.connection.send(workshop)

    def end(self) -> None:
        self.process.kill()  # before its pipe closes, which would tell it that the run was killed
        self.process.wait()
        self.pipe.close()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits, and processes started inside are born deaf to it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ProcessPool:
    """Worker processes on this machine.

    Args:
        workshop: What every worker needs, sent once.
        workers: How many processes.
    """

    def __init__(self, workshop: Workshop, workers: int) -> None:
        self.workers = workers
        self.processors = (provenance.processor(),)
        self._workshop = workshop
        self._workers = [_Process(workshop) for _ in range(workers)]
        self._deaths: dict[Key, int] = {}

    def idle(self) -> int:
        """Workers without a job."""
        return sum(worker.job is None for worker in self._workers)

    def start(self, key: Key, job: Job) -> None:
        """Give the job to an idle worker."""
        at = next(i for i, worker in enumerate(self._workers) if worker.job is None)
        self._give(at, key, job)

    def finished(self, *, waiting: bool) -> Sequence[tuple[Key, Result]]:
        """Answers that have come; blocks for one if `waiting` and a job is under way."""
        busy = {w.pipe.connection: i for i, w in enumerate(self._workers) if w.job is not None}
        done = []
        for connection in wait(list(busy), timeout=None if waiting and busy else 0):
            assert isinstance(connection, Connection)
            at = busy[connection]
            assigned = self._workers[at].job
            assert assigned is not None
            key, job = assigned
            try:
                answer: Any = self._workers[at].pipe.recv()
            except (EOFError, OSError):
                self._replace(at, key, job)
                continue
            if isinstance(answer, BaseException):
                raise answer
            self._workers[at].job = None
            done.append((key, answer))
        return done

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def _give(self, at: int, key: Key, job: Job) -> None:
        self._workers[at].job = (key, job)
        try:
            self._workers[at].pipe.send(job)
        except OSError:
            self._replace(at, key, job)

    def _replace(self, at: int, key: Key, job: Job) -> None:
        """Start a new worker in the place of a dead one, on the same job."""
        self._deaths[key] = self._deaths.get(key, 0) + 1
        if self._deaths[key] >= MOST_DEATHS:
            raise GboardSimError(
                f"run.workers = {len(self._workers)}: {MOST_DEATHS} worker processes in a row died "
                f"on the same job {key}; allowed: as many as the memory holds; hint: run fewer, or "
                "a smaller model"
            )
        self._workers[at].end()
        self._workers[at] = _Process(self._workshop)
        self._give(at, key, job)
