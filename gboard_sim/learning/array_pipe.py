"""A pipe between two processes whose large arrays go through a file in memory.

A `Connection` carries 64 KiB at a time, and both processes take turns for each: a sum as large as
a model costs tens of milliseconds, where to write it to memory and to read it costs a few.
"""

import os
import pickle
import tempfile
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

SMALL_BYTES = 1 << 16
"""Arrays below this go with the rest of the message: one turn of the pipe (assumed)."""


def memory_file() -> int:
    """A descriptor of a new, empty file without a name: in memory, where the system has that."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("gboard-sim")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class ArrayPipe:
    """One end of a pipe for messages of any kind.

    The two ends take turns, as jobs and their answers do: one file holds the arrays of the message
    that is on its way, and whoever receives it has copied them when it answers.

    Args:
        connection: One end of a two-way pipe.
        file: Descriptor of a file that both ends have open; see `memory_file`.
    """

    def __init__(self, connection: Connection, file: int) -> None:
        self.connection = connection
        self._file = file

    def send(self, message: Any) -> None:
        """Send anything that pickles.

        Raises:
            OSError: The other end is closed, or there is no room for the arrays.
        """
        arrays: list[memoryview] = []

        def stays(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes >= SMALL_BYTES:
                arrays.append(raw)
            return raw.nbytes < SMALL_BYTES

        rest = pickle.dumps(message, protocol=5, buffer_callback=stays)
        at = 0
        for array in arrays:
            left = array
            while left:
                written = os.pwrite(self._file, left, at)
                left, at = left[written:], at + written
        self.connection.send(([array.nbytes for array in arrays], rest))

    def recv(self) -> Any:
        """The next message; its arrays are the receiver's own.

        Raises:
            EOFError: The other end is closed.
            OSError: The other end died in the middle of a message.
        """
        sizes, rest = self.connection.recv()
        arrays, at = [], 0
        for size in sizes:
            array = np.empty(size, np.uint8)
            left = array.data
            while left:
                read = os.preadv(self._file, [left], at)
                if not read:
                    raise EOFError("the arrays of a message are not there")
                left, at = left[read:], at + read
            arrays.append(array)
        return pickle.loads(rest, buffers=arrays)

    def close(self) -> None:
        """Close this end."""
        self.connection.close()
        os.close(self._file)
