"""What a run took of the machine: seconds and memory, over the whole process tree."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

import psutil

SAMPLE_S = 0.2
"""Seconds between looks at the process tree (assumed: workers' memory changes slowly)."""


class MachineMeter:
    """Wall seconds by part of the run, and the peak of resident memory.

    Resident memory is summed over the process and its children: pages that they share count more
    than once, and what lies between processes on its way counts in none (see `ArrayPipe`).

    Attributes:
        seconds: Wall seconds by the name of the part.
    """

    def __init__(self) -> None:
        self._peak_rss_bytes = 0
        self.seconds: dict[str, float] = {}
        self._began = perf_counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "MachineMeter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._look()
        self._done.set()
        self._thread.join()

    @property
    def wall_s(self) -> float:
        """Seconds since the meter was made."""
        return perf_counter() - self._began

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Count the seconds inside towards a part."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + perf_counter() - began

    @property
    def peak_rss_bytes(self) -> int:
        """The highest sum seen, now included: a run may be shorter than a sample."""
        if not self._done.is_set():
            self._look()
        return self._peak_rss_bytes

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_S):
            self._look()

    def _look(self) -> None:
        here = psutil.Process(os.getpid())
        resident = 0
        for process in [here, *here.children(recursive=True)]:
            try:
                resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self._peak_rss_bytes = max(self._peak_rss_bytes, resident)
