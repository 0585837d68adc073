"""The process of one worker: `python -m gboard_sim.learning.worker FD`, started by the pool."""

import pickle
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any


def serve(pipe: Connection) -> None:
    """Answer jobs until the pipe closes; an exception is an answer too."""
    with suppress(EOFError, OSError):  # the run has ended or was killed: nobody listens
        workshop = pipe.recv()
        while True:
            pipe.send(_answer(pipe.recv(), workshop))


def _answer(job: Any, workshop: Any) -> Any:
    """What came of a job, in a form that can be sent."""
    try:
        return job.work(workshop)
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # it would be lost on the way
            return RuntimeError(f"{type(error).__name__}: {error}")
        return error


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
