"""What a run trains on: worker processes of this machine or of a Ray cluster, or one GPU."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import cpu_count

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.experiment import Experiment, Run
from gboard_sim.learning.pool import InlinePool, Pool, ProcessPool
from gboard_sim.learning.ray_cluster import connected
from gboard_sim.learning.ray_pool import RayPool
from gboard_sim.learning.workshop import Workshop

MOST_PER_PROCESSOR = 8
"""Worker processes on one processor (assumed: more only take memory from each other)."""


@contextmanager
def open_engine(experiment: Experiment) -> Iterator[Callable[[Workshop], Pool]]:
    """What makes the pool of workers: found, or refused, before there is text to work on.

    On a GPU this process is the only worker: a card that is shared trains no faster.

    Raises:
        GboardSimError: More workers than the machines can hold, or no Ray.
    """
    settings = experiment.run
    if experiment.training.device == "cuda":
        yield InlinePool
    elif settings.engine == "ray":
        with connected(settings.ray_address, _bounded(settings)) as workers:
            yield lambda workshop: RayPool(workshop, workers)
    else:
        workers = _bounded(settings) or cpu_count() or 1
        yield lambda workshop: ProcessPool(workshop, workers)


def _bounded(settings: Run) -> int:
    """The number of workers that is asked for; how many a cluster holds is asked there.

    Raises:
        ExperimentError: This machine is to hold too many.
    """
    most = MOST_PER_PROCESSOR * (cpu_count() or 1)
    if settings.workers > most and not settings.ray_address:
        raise ExperimentError(
            f"run.workers = {settings.workers} is too many for this machine: allowed: 0, one per "
            f"processor, to {most}"
        )
    return settings.workers
