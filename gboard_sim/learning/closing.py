"""A cohort on its way to becoming a version: its updates summed in a fixed order."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.jobs import ChunkSum, TrainChunk
from gboard_sim.records import Cohort

CHUNK = 8
"""Uploads that a worker sums: fixed, because it decides the order of the additions."""


class Closing:
    """The sum of a cohort's updates as its chunks come in.

    Chunks of `CHUNK` uploads in phone order are added in their order; one that comes early waits.
    Chunks are started in order too, so no more wait than there are workers, and memory is O(model).

    Attributes:
        cohort: The cohort.
        tokens: Tokens trained on in the chunks added so far.
    """

    def __init__(self, cohort: Cohort) -> None:
        self.cohort = cohort
        self.tokens = 0
        self._loss = 0.0
        self._total: npt.NDArray[np.float64] | None = None
        self._pending = enumerate(_chunks(cohort))
        self._next = next(self._pending, None)
        self._added = 0
        self._early: dict[int, ChunkSum] = {}

    def ready(self, published: int) -> bool:
        """Whether the next chunk can start, given the newest published version."""
        return self._next is not None and all(u.base <= published for u in self._next[1].uploads)

    def start(self) -> tuple[int, TrainChunk]:
        """Take the next chunk to start, with its number."""
        assert self._next is not None
        number, chunk = self._next
        self._next = next(self._pending, None)
        return number, chunk

    def add(self, number: int, chunk: ChunkSum) -> None:
        """Take the sum of a chunk, and add every one whose turn it is."""
        self._early[number] = chunk
        while self._added in self._early:
            due = self._early.pop(self._added)
            self._total = due.total if self._total is None else self._total + due.total
            self._loss += due.loss * due.tokens
            self.tokens += due.tokens
            self._added += 1

    @property
    def complete(self) -> bool:
        """Whether every update is in the sum."""
        return self._next is None and self._added * CHUNK >= len(self.cohort.uploads)

    @property
    def loss(self) -> float:
        """Mean training loss per token."""
        return self._loss / max(self.tokens, 1)

    def take_mean(self) -> npt.NDArray[np.float64]:
        """The weighted mean update, once: its memory is the caller's. Shape [P]."""
        assert self._total is not None
        mean = self._total / sum(self.cohort.weights)
        self._total = None
        return mean


def _chunks(cohort: Cohort) -> Iterator[TrainChunk]:
    for first in range(0, len(cohort.uploads), CHUNK):
        part = slice(first, first + CHUNK)
        yield TrainChunk(cohort.uploads[part], cohort.weights[part])
