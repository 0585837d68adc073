"""One worker on some machine of a Ray cluster: an actor that answers one job at a time.

Text, graphs and vocabulary reach it through Ray's object store, which every worker of a machine
maps; it reads no file but the installed package.
"""

import platform
from dataclasses import replace
from typing import Any

from gboard_sim.learning.jobs import Job
from gboard_sim.learning.worker import answer
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog import provenance
from gboard_sim.seam.records import Vector


class BroadcastVersions:
    """The versions that came with a job, mapped from the object store."""

    def __init__(self) -> None:
        self._held: dict[int, Vector] = {}

    def hold(self, versions: dict[int, Vector]) -> None:
        """Have these and let go of those before."""
        self._held = versions

    def read(self, version: int) -> Vector:
        """The parameters of a version. Shape [P]."""
        return self._held[version]


class RayWorker:
    """The actor.

    Args:
        workshop: What every worker needs, without anything that lies in a file.
    """

    def __init__(self, workshop: Workshop) -> None:
        self._versions = BroadcastVersions()
        self._workshop = replace(workshop, snapshots=self._versions)

    def surroundings(self) -> dict[str, Any]:
        """The machine's name, and what the bits of a result depend on there."""
        return {"machine": platform.node(), **provenance.surroundings()}

    def work(self, job: Job, versions: tuple[int, ...], *parameters: Vector) -> Any:
        """Carry a job out: its result, or the exception that it ended with.

        Args:
            job: The job.
            versions: The versions that it reads.
            parameters: Those of each version. Shape [P].
        """
        self._versions.hold(dict(zip(versions, parameters, strict=True)))
        try:
            return answer(job, self._workshop)
        finally:
            self._versions.hold({})
