"""Checkpoints: the newest state from which a killed run can be resumed.

A checkpoint holds the learner's state and how far the journal reaches. It is one safetensors file,
written aside and renamed over the last one; the parameters of the versions that it needs lie
beside it as snapshots.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from gboard_sim.errors import RunDirectoryError
from gboard_sim.runlog.directory import RunDirectory

NAME = "checkpoints/newest.safetensors"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state to resume from.

    Attributes:
        learner: The learner's facts, as it wrote them.
        arrays: The learner's arrays.
        journal: How far the journal reaches.
    """

    learner: str
    arrays: Mapping[str, npt.NDArray[Any]]
    journal: Mapping[str, Any]

    def save(self, directory: RunDirectory) -> None:
        """Replace the directory's checkpoint by this one."""
        facts = {"learner": self.learner, "journal": json.dumps(self.journal)}
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        directory.write_bytes(NAME, save(arrays, metadata=facts))

    @classmethod
    def load(cls, directory: RunDirectory) -> "Checkpoint | None":
        """The directory's checkpoint, or None where a run was killed before its first.

        Raises:
            RunDirectoryError: The file is damaged.
        """
        path: Path = directory / NAME
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                facts = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
            return cls(facts["learner"], arrays, json.loads(facts["journal"]))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise RunDirectoryError(f"{path}: damaged: {error}; start a new run") from error
