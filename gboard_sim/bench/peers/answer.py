"""What a peer hands back: seconds of each round, when the first began, and the last parameters."""

import json
import time
from pathlib import Path

import numpy as np
from torch import nn


class Rounds:
    """A clock for rounds: every round ends where the next begins."""

    def __init__(self) -> None:
        self._began_s = 0.0
        self._marks: list[float] = []

    def mark(self) -> None:
        """A round begins here, and the one before it ends."""
        if not self._marks:
            self._began_s = time.time()
        self._marks.append(time.perf_counter())

    def write(self, path: Path, model: nn.Module, versions: dict[str, str]) -> None:
        """Write the answer: a JSON file, and beside it the parameters as `.npy`."""
        flat = nn.utils.parameters_to_vector(model.parameters()).detach().numpy()
        np.save(path.with_suffix(".npy"), flat)
        seconds = np.diff(self._marks).tolist()
        said = {"began_s": self._began_s, "round_s": seconds, "versions": versions}
        path.write_text(json.dumps(said))
