"""Workers on the machines of a Ray cluster: each an actor, in its own process, on one core.

What every worker needs is put into Ray's object store once, and so is every version of the
parameters; Ray brings an object to a machine once, and the workers there map it. Nothing of it is
written to a file, so there is nothing to remove. Workers send back sums of whole chunks, never an
update, and with error feedback what a codec left out of each. One that dies is replaced; its job
goes to whichever worker is free first.
"""

import warnings
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

import numpy as np

from gboard_sim.errors import GboardSimError, GboardSimWarning
from gboard_sim.learning.jobs import Job, Result
from gboard_sim.learning.pool import MOST_DEATHS, ONE_THREAD, Key
from gboard_sim.learning.ray_cluster import imported
from gboard_sim.learning.ray_worker import BroadcastVersions, RayWorker
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog import provenance

START_S = 120
"""Seconds in which workers must start (assumed: a machine under load imports slowly)."""

KEPT_VERSIONS = 32
"""Versions kept in the object store (assumed: as stale as uploads are); an older one is put there
again when it is asked for."""


class RayPool:
    """Workers wherever the cluster has a processor for them.

    Args:
        workshop: What every worker needs; its text must be in memory.
        workers: How many.

    Attributes:
        workers: How many.
        processors: The models of the processors met, this machine's among them.

    Raises:
        GboardSimError: No worker starts, or one of them has other libraries than this process.
    """

    def __init__(self, workshop: Workshop, workers: int) -> None:
        self.workers = workers
        self._here = provenance.surroundings()
        self.processors: tuple[str, ...] = (self._here["processor"],)
        self._ray = imported()
        self._actors = self._ray.remote(
            num_cpus=1,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": ONE_THREAD},
        )(RayWorker)
        self._snapshots = workshop.snapshots
        self._workshop = self._ray.put(
            replace(workshop, snapshots=BroadcastVersions(), graphs=workshop.graphs.in_memory())
        )
        self._versions: OrderedDict[int, Any] = OrderedDict()
        self._starting: dict[Any, Any] = {}
        self._idle: list[Any] = []
        self._busy: dict[Any, tuple[Any, Key, Job]] = {}
        self._orphans: deque[tuple[Key, Job]] = deque()
        self._deaths: dict[Key, int] = {}
        self._false_starts = 0
        try:
            for _ in range(workers):
                self._hire()
            self._gather()
        except BaseException:
            self.close()
            raise

    def idle(self) -> int:
        """Workers that have started and have no job."""
        return len(self._idle)

    def start(self, key: Key, job: Job) -> None:
        """Give the job to an idle worker."""
        self._give(self._idle.pop(), key, job)

    def finished(self, *, waiting: bool) -> Sequence[tuple[Key, Result]]:
        """Answers that have come; blocks for news if `waiting` and a job is under way."""
        under_way = bool(self._busy or self._orphans)
        if not under_way and self._idle:
            waiting = False
        done = []
        for news in self._news(waiting):
            if news in self._starting:
                self._admit(news)
                continue
            actor, key, job = self._busy.pop(news)
            try:
                answer = self._ray.get(news)
            except self._ray.exceptions.RayTaskError:  # the job itself, not its worker
                raise
            except self._ray.exceptions.RayError:
                self._replace(actor, key, job)
                continue
            if isinstance(answer, BaseException):
                raise answer
            self._idle.append(actor)
            done.append((key, answer))
        while self._orphans and self._idle:
            self._give(self._idle.pop(), *self._orphans.popleft())
        return done

    def close(self) -> None:
        """End the workers, whatever they are doing."""
        actors = [*self._starting.values(), *self._idle, *(a for a, _, _ in self._busy.values())]
        for actor in actors:
            self._ray.kill(actor)
        self._starting, self._idle, self._busy = {}, [], {}
        self._versions.clear()
        self._workshop = None

    def _news(self, waiting: bool) -> Sequence[Any]:
        """What has come of jobs and of starting workers.

        Raises:
            GboardSimError: Every worker is lost, and none starts in their place.
        """
        pending = [*self._busy, *self._starting]
        if not pending:
            return []
        if waiting:
            # Ray replaces nothing by itself: while a job runs its worker answers or dies.
            patience = None if self._busy else START_S
            if not self._ray.wait(pending, timeout=patience)[0]:
                raise self._cannot_start(f"none of {self.workers} in {START_S} s")
        ready: Sequence[Any] = self._ray.wait(pending, num_returns=len(pending), timeout=0)[0]
        return ready

    def _give(self, actor: Any, key: Key, job: Job) -> None:
        """Send a job, with the versions that it reads."""
        versions = tuple(sorted(job.versions()))
        parameters = [self._broadcast(version) for version in versions]
        self._busy[actor.work.remote(job, versions, *parameters)] = (actor, key, job)

    def _broadcast(self, version: int) -> Any:
        """The reference to a version, which is put into the object store when first asked for."""
        if version not in self._versions:
            # A plain array: what pickles a `memmap` copies it, and so would every worker.
            parameters = self._snapshots.read(version).view(np.ndarray)
            self._versions[version] = self._ray.put(parameters)
        self._versions.move_to_end(version)
        if len(self._versions) > KEPT_VERSIONS:
            self._versions.popitem(last=False)
        return self._versions[version]

    def _hire(self) -> None:
        """Ask the cluster for a worker."""
        actor = self._actors.remote(self._workshop)
        self._starting[actor.surroundings.remote()] = actor

    def _gather(self) -> None:
        """Wait for the workers, and go on with those that have started in time."""
        until = monotonic() + START_S
        while self._starting and (left := until - monotonic()) > 0:
            for news in self._ray.wait(list(self._starting), timeout=left)[0]:
                self._admit(news)
        if not self._idle:
            raise self._cannot_start(f"none of {self.workers} in {START_S} s")
        if self._starting:
            warnings.warn(
                f"{len(self._idle)} of {self.workers} workers have started; the run goes on "
                "without the others until the cluster has processors free for them",
                GboardSimWarning,
                stacklevel=2,
            )

    def _admit(self, started: Any) -> None:
        """Take in a worker that has started, if its machine gives the same bits.

        Raises:
            GboardSimError: Its libraries are others, or workers keep failing to start.
        """
        actor = self._starting.pop(started)
        try:
            there = self._ray.get(started)
        except self._ray.exceptions.RayError as error:
            self._false_starts += 1
            if self._false_starts >= MOST_DEATHS:
                raise self._cannot_start(str(error).strip().splitlines()[-1]) from None
            self._hire()
            return
        self._false_starts = 0
        for name in ("python", "libraries", "sources"):
            if there[name] != self._here[name]:
                said = _difference(name, there[name], self._here[name])
                raise GboardSimError(f"run.engine = 'ray': on {there['machine']}, {said}")
        if there["processor"] not in self.processors:
            self.processors = tuple(sorted((*self.processors, there["processor"])))
            warnings.warn(
                f"the processors of this run differ ({'; '.join(self.processors)}): its results "
                "may differ in their last bits from those of any one of them, and from run to run",
                GboardSimWarning,
                stacklevel=2,
            )
        self._idle.append(actor)

    def _replace(self, actor: Any, key: Key, job: Job) -> None:
        """Hire a worker in the place of a dead one; its job waits for whoever is free.

        Raises:
            GboardSimError: The job has cost too many workers.
        """
        self._deaths[key] = self._deaths.get(key, 0) + 1
        if self._deaths[key] >= MOST_DEATHS:
            raise GboardSimError(
                f"run.engine = 'ray': {MOST_DEATHS} workers in a row died on the same job {key}; "
                "allowed: as many as the machines' memory holds; hint: run fewer, or a smaller "
                "model"
            )
        self._ray.kill(actor)  # it may only be out of reach
        self._hire()
        self._orphans.append((key, job))

    def _cannot_start(self, reason: str) -> GboardSimError:
        return GboardSimError(
            f"run.engine = 'ray': workers do not start: {reason}; allowed: machines with "
            "`pip install 'gboard-sim[ray]'` and a free processor for each worker"
        )


def _difference(name: str, there: Any, here: Any) -> str:
    """What to do about a machine where something is different."""
    if name == "sources":
        return "gboard-sim has other source files than here; install the same there"
    if name == "libraries":
        name = next(key for key in here if there.get(key) != here[key])
        there, here = there.get(name), here[name]
    return f"{name} = {there!r}, here {here!r}; install the same there"
