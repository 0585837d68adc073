"""A pipe between two processes whose large arrays go through a file in memory.

A `Connection` carries 64 KiB at a time, and both processes take turns for each: a sum as large as
a model costs tens of milliseconds, where to write it to memory and to read it costs a few.
"""

import os
import pickle
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from gboard_sim.errors import GboardSimError

SMALL_BYTES = 1 << 16
"""Arrays below this go with the rest of the message: one turn of the pipe (assumed)."""

KEPT_BYTES = 1 << 25
"""Of the file, between messages (assumed: two sums of gboard-cifg, 11 MB each; to have the memory
given anew costs as much as to write it)."""


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
            OSError: The other end is closed.
            GboardSimError: There is no room for the arrays; nothing was sent.
        """
        arrays: list[memoryview] = []

        def stays(buffer: pickle.PickleBuffer) -> bool:
            raw = buffer.raw()
            if raw.nbytes >= SMALL_BYTES:
                arrays.append(raw)
            return raw.nbytes < SMALL_BYTES

        rest = pickle.dumps(message, protocol=5, buffer_callback=stays)
        sizes = [array.nbytes for array in arrays]
        try:
            self._write(arrays)
        except OSError as error:
            raise GboardSimError(
                f"run.workers: no room for the {sum(sizes):,} bytes that one process hands to "
                f"another: {error.strerror}; allowed: what the memory holds; hint: fewer workers, "
                "or a smaller model"
            ) from error
        self.connection.send((sizes, rest))

    def _write(self, arrays: Sequence[memoryview]) -> None:
        at = 0
        for array in arrays:
            left = array
            while left:
                written = os.pwrite(self._file, left, at)
                left, at = left[written:], at + written

    def recv(self) -> Any:
        """The next message; its arrays are the receiver's own, and the file small again.

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
        if sum(sizes) > KEPT_BYTES:
            os.ftruncate(self._file, KEPT_BYTES)
        return pickle.loads(rest, buffers=arrays)

    def close(self) -> None:
        """Close this end."""
        self.connection.close()
        os.close(self._file)
