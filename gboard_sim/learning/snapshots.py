"""The published parameters by version: one file each, memory-mapped by whoever trains from it."""

from io import BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np

from gboard_sim.records import Vector
from gboard_sim.runlog import aside, writing


class Published(Protocol):
    """Where a worker finds the parameters of a version."""

    def read(self, version: int) -> Vector:
        """The parameters of a version, not to be changed. Shape [P]."""
        ...


class Snapshots:
    """A folder of parameter vectors.

    Args:
        folder: Where they lie; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, version: int) -> Path:
        """The file of one version."""
        return self._folder / f"{version:08d}.npy"

    def write(self, version: int, parameters: Vector) -> None:
        """Publish a version: the file is there whole or not at all."""
        content = BytesIO()  # numpy itself would not say why a write failed
        np.save(content, parameters)
        with aside(self.path(version)) as partial:
            partial.write_bytes(content.getbuffer())

    def read(self, version: int) -> Vector:
        """The parameters of a version, mapped from the file and not copied. Shape [P]."""
        mapped: Vector = np.load(self.path(version), mmap_mode="r")
        return mapped

    def forget_before(self, version: int) -> None:
        """Remove every version older than this one but version 0, with which the last compares."""
        for old in self._folder.glob("*.npy"):
            if 0 < int(old.stem) < version:
                old.unlink()
