"""Worker processes that time things instead of training phones, one of them or all at once."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

from gboard_sim.bench.rounds import Means, open_workshop, opened
from gboard_sim.bench.work import Work
from gboard_sim.learning.jobs import Job
from gboard_sim.learning.pool import Pool
from gboard_sim.learning.workshop import Workshop


class Timing(Protocol):
    """A job that answers with seconds."""

    def versions(self) -> frozenset[int]:
        """The published versions that it reads."""
        ...

    def work(self, workshop: Workshop) -> float:
        """Time something."""
        ...


class Crew:
    """Workers of a real pool, so that what is timed runs as training does.

    Args:
        pool: The workers.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def together(self, timing: Timing, workers: int) -> Sequence[float]:
        """The same timing in several workers at once, by worker: all begin before any has ended."""
        for number in range(workers):
            # A pool carries whatever has `work`; what comes back is what that returned.
            self._pool.start(("time", 0, number), cast(Job, timing))
        found: dict[int, float] = {}
        while len(found) < workers:
            for (_, _, number), seconds in self._pool.finished(waiting=True):
                found[number] = cast(Any, seconds)
        return [found[number] for number in range(workers)]


@contextmanager
def hired(work: Work, folder: Path, means: Means, workers: int) -> Iterator[Crew]:
    """A crew with the tools of a work."""
    with opened(open_workshop(work, folder, means), workers) as pool:
        yield Crew(pool)
