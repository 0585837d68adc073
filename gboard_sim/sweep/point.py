"""One run of a sweep, in a process of its own: `python -m gboard_sim.sweep.point FD`.

The sweep sends what to run through the pipe, and gets back why it failed, or None. When the pipe
closes, the sweep is gone: then the run ends as after Ctrl-C, its files tidied, its checkpoint left.
"""

import os
import shutil
import signal
import sys
import threading
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic, sleep
from typing import NoReturn

from gboard_sim import simulate
from gboard_sim.errors import GboardSimError, RunDirectoryError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.runlog.checkpoint import NAME as CHECKPOINT
from gboard_sim.runlog.directory import RunDirectory

PATIENCE_S = 60.0
"""How long the run of an earlier sweep may take to tidy up (assumed: it takes a second)."""


@dataclass(frozen=True, slots=True)
class Job:
    """What to run.

    Attributes:
        experiment: The experiment's file.
        out: The run directory: new, or with what an earlier sweep left in it.
        workers: Worker processes.
    """

    experiment: Path
    out: Path
    workers: int


@dataclass(frozen=True, slots=True)
class Answer:
    """How a run ended.

    Attributes:
        failure: Why it failed; None where it did not.
        warnings: What a user should know.
    """

    failure: str | None
    warnings: tuple[str, ...] = ()


def carry_out(job: Job) -> None:
    """Run it: from its checkpoint if there is one that can be used, else from the start.

    Raises:
        GboardSimError: It cannot be run.
    """
    if job.out.is_dir():
        _wait_for_others(job.out)
        if (job.out / CHECKPOINT).exists():
            try:
                simulate.resume(job.out, workers=job.workers)
                return
            except RunDirectoryError as error:
                if "cannot be written" in str(error):  # a full disk says nothing of what is there
                    raise
        shutil.rmtree(job.out)
    machinery = experiment_file.machinery(job.workers, None, None)
    simulate.run(experiment_file.load(job.experiment, overrides=machinery), out=job.out)


def _wait_for_others(out: Path) -> None:
    """Waits while the run of a sweep that was killed tidies up."""
    until = monotonic() + PATIENCE_S
    while True:
        try:
            with RunDirectory(out).locked():
                return
        except RunDirectoryError:
            if monotonic() > until:
                raise
            sleep(0.1)


def main() -> None:
    """Receive a job, run it, answer."""
    pipe = Connection(int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep hears Ctrl-C, and sends SIGTERM
    signal.signal(signal.SIGTERM, _interrupt)
    job = Job(*pipe.recv())
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    failure = None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        try:
            carry_out(job)
        except GboardSimError as error:
            failure = str(error)
        except KeyboardInterrupt:
            sys.exit(1)
        except MemoryError as error:
            failure = f"out of memory: {error}; hint: fewer --jobs, phones or days"
        except Exception as error:  # a defect: the other points go on
            traceback.print_exc()
            failure = f"{type(error).__name__}: {error}"
    told = tuple(dict.fromkeys(str(warning.message) for warning in said))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the sweep closes its end once it has heard
    with suppress(OSError):
        pipe.send((failure, told))


def _end_with(pipe: Connection) -> None:
    """Interrupts this process when the sweep is gone."""
    with suppress(EOFError, OSError):
        pipe.recv()  # nothing more is ever sent
    os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
