"""The processes of a sweep: some points at a time, each started, heard, and ended.

A run that fails, or whose process dies, has the reason in its row, and the others go on.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any

from gboard_sim.experiment.file import Point
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.sweep import table as sweep_table
from gboard_sim.sweep.point import Answer, Job

TIDY_S = 30.0
"""How long a run may take to tidy up before it is killed (assumed)."""


@dataclass(frozen=True, slots=True)
class Told:
    """One run of a sweep has ended.

    Attributes:
        done: Runs that are over, whole ones from before among them.
        total: Runs of the sweep.
        row: Its row.
        warnings: What a user should know of it.
    """

    done: int
    total: int
    row: dict[str, Any]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Child:
    """A process that runs a point."""

    point: Point
    process: "subprocess.Popen[bytes]"


class Crew:
    """Runs at a time, each in a process of its own.

    Args:
        directory: The sweep's.
        jobs: Runs at a time.
        workers: Worker processes of all of them together; each run has at least one.
    """

    def __init__(self, directory: RunDirectory, jobs: int, workers: int) -> None:
        self._directory = directory
        self._jobs = jobs
        self._workers = workers
        self._busy: dict[Connection, _Child] = {}

    def run(
        self, points: Sequence[Point], kept: set[str], tell: Callable[[Told], None]
    ) -> list[dict[str, Any]]:
        """Run what is not kept; the rows of all, in the points' order."""
        rows: dict[str, dict[str, Any]] = {}

        def end(point: Point, answer: Answer) -> None:
            where = RunDirectory(self._directory / f"runs/{point.name}")
            rows[point.name] = sweep_table.row(point, where, answer.failure)
            tell(Told(len(rows), len(points), rows[point.name], answer.warnings))

        waiting = [point for point in points if point.name not in kept]
        for point in points:
            if point.name in kept:
                end(point, Answer(None))
        jobs = max(min(self._jobs, len(waiting)), 1)
        workers = max(self._workers // jobs, 1)
        try:
            while waiting or self._busy:
                while waiting and len(self._busy) < jobs:
                    self._start(waiting.pop(0), workers)
                for pipe in wait(list(self._busy)):
                    assert isinstance(pipe, Connection)
                    end(*self._answer(pipe))
        finally:
            self._close()
        return [rows[point.name] for point in points]

    def _start(self, point: Point, workers: int) -> None:
        pipe, far = Pipe()
        places = os.pathsep.join(map(os.path.abspath, sys.path))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "gboard_sim.sweep.point", str(far.fileno())],
            pass_fds=[far.fileno()],
            env=os.environ | {"PYTHONPATH": places},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C reaches the sweep alone, which ends its runs
        )
        far.close()
        self._busy[pipe] = _Child(point, process)
        out = self._directory / f"runs/{point.name}"
        with suppress(OSError):  # one that died already is found by its pipe
            pipe.send(astuple(Job(self._directory / f"points/{point.name}.toml", out, workers)))

    def _answer(self, pipe: Connection) -> tuple[Point, Answer]:
        """What a process said that has ended, or that it died."""
        child = self._busy[pipe]
        try:
            answer = Answer(*pipe.recv())
        except (EOFError, OSError):
            answer = None
        pipe.close()
        status = child.process.wait()
        del self._busy[pipe]
        if answer is None:
            how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
            more = "; hint: out of memory? run fewer --jobs" if status == -signal.SIGKILL else ""
            answer = Answer(f"its process {how}{more}")
        return child.point, answer

    def _close(self) -> None:
        """End what still runs: asked first, so that it tidies up."""
        for child in self._busy.values():
            child.process.terminate()
        for pipe, child in self._busy.items():
            try:
                child.process.wait(TIDY_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            pipe.close()
        self._busy.clear()
