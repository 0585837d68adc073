"""The process of one worker: `python -m gboard_sim.learning.worker FD`, started by the pool."""

import signal
import sys
from multiprocessing.connection import Connection


def serve(pipe: Connection) -> None:
    """Answer jobs until the pipe closes; an exception is an answer too."""
    workshop = pipe.recv()
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(job.work(workshop))
        except BrokenPipeError:
            return
        except Exception as error:
            pipe.send(error)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(Connection(int(sys.argv[1])))
