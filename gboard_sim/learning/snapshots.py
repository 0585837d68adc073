"""The published parameters by version: one file each, memory-mapped by whoever trains from it."""

from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gboard_sim.runlog.directory import aside, writing
from gboard_sim.seam.records import Vector


class Published(Protocol):
    """Where a worker finds the parameters of a version."""

    def read(self, version: int) -> Vector:
        """The parameters of a version, not to be changed. Shape [P]."""
        ...


KEPT = 4
"""Versions that a process keeps mapped (assumed)."""


class Snapshots:
    """A folder of parameter vectors.

    Args:
        folder: Where they lie; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mapped: dict[int, Vector] = {}
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, version: int) -> Path:
        """The file of one version."""
        return self._folder / f"{version:08d}.npy"

    def write(self, version: int, parameters: Vector) -> None:
        """Publish a version: the file is there whole or not at all."""
        self._mapped.pop(version, None)
        content = BytesIO()  # numpy itself would not say why a write failed
        np.save(content, parameters)
        with aside(self.path(version)) as partial:
            partial.write_bytes(content.getbuffer())

    def read(self, version: int) -> Vector:
        """The parameters of a version, mapped from the file and not copied. Shape [P].

        The last few stay mapped: a cohort's phones start from few versions, and every page of a new
        mapping is a fault.
        """
        if version not in self._mapped:
            while len(self._mapped) >= KEPT:
                del self._mapped[next(iter(self._mapped))]
            self._mapped[version] = np.load(self.path(version), mmap_mode="r")
        return self._mapped[version]

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to a worker: where the files are, and no mapping."""
        return {"_folder": self._folder, "_mapped": {}}

    def forget_before(self, version: int) -> None:
        """Remove every version older than this one but version 0, with which the last compares.

        What lies under a negative number n goes with version `~n`; see `MovingAverage`.
        """
        for old in self._folder.glob("*.npy"):
            number = int(old.stem)
            if 0 < max(number, ~number) < version:
                old.unlink()
