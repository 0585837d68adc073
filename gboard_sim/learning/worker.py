"""The process of one worker: `python -m gboard_sim.learning.worker PIPE FILE`, started by the pool.

The arguments are the descriptors of its end of an `ArrayPipe`.
"""

import pickle
import signal
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from gboard_sim.errors import GboardSimError
from gboard_sim.learning.array_pipe import ArrayPipe


def serve(pipe: ArrayPipe) -> None:
    """Answer jobs until the pipe closes; an exception is an answer too.

    A pool ends its workers by killing them. A pipe that closes means that the run itself was
    killed, so its last workers remove what phones typed and sent, which it no longer can.
    """
    with suppress(EOFError, OSError):
        workshop = pipe.connection.recv()  # no job waits for it to have arrived
        with suppress(EOFError, OSError):
            while True:
                reply(pipe, answer(pipe.recv(), workshop))
        workshop.remove_private()


def reply(pipe: ArrayPipe, result: Any) -> None:
    """Send what came of a job, or that there is no room for it."""
    try:
        pipe.send(result)
    except GboardSimError as error:
        pipe.send(error)


def answer(job: Any, workshop: Any) -> Any:
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
    serve(ArrayPipe(Connection(int(sys.argv[1])), int(sys.argv[2])))
