"""Updates that were trained to be measured, kept until it is known whether a version uses them.

An update is as large as the model and there may be as many as phones at work, so they are files,
and few: what is not kept is trained again, to the same bits.
"""

import shutil
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np

from gboard_sim.runlog.directory import aside, writing
from gboard_sim.seam.records import Vector

MOST_BYTES = 1 << 30
"""Of files at a time (assumed: a scratch folder has room for them, and memory where it is one)."""

Trained = tuple[Vector, float, int]
"""An update as it leaves the phone, its last stint's mean loss, and the tokens."""


class MeasuredUpdates:
    """A folder with a file for each session.

    Args:
        folder: Where they lie; made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def write(self, session: int, trained: Trained) -> None:
        """Keep what was trained for a session."""
        update, loss, tokens = trained
        content = BytesIO()
        np.savez(content, update=update, loss=np.float64(loss), tokens=np.int64(tokens))
        with aside(self._path(session)) as partial:
            partial.write_bytes(content.getbuffer())

    def has(self, session: int) -> bool:
        """Whether a session's update is kept."""
        return self._path(session).exists()

    def read(self, session: int) -> Trained:
        """What was kept for a session."""
        with np.load(self._path(session)) as kept:
            return kept["update"], float(kept["loss"]), int(kept["tokens"])

    def forget(self, sessions: Iterable[int]) -> None:
        """Remove what is kept of some sessions, if anything."""
        for session in sessions:
            self._path(session).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything, and the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, session: int) -> Path:
        return self._folder / f"{session}.npz"
