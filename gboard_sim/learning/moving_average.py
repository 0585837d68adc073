"""A moving average of the versions: what is judged and exported, where one is kept.

Phones train from the versions; the average goes its own way beside them and never comes back. The
average of iterates is nearer to where they tend than the last of them is, the more so the noisier
the steps are (B. Polyak and A. Juditsky, "Acceleration of stochastic approximation by averaging",
SIAM J. Control and Optimization 30, 1992). The decay grows with the version v up to its own size,
min(decay, (1 + v) / (10 + v)), as TensorFlow's `ExponentialMovingAverage` has it with its number of
updates, so that version 0 does not linger. Made of what is published, the average costs no privacy,
and others average under its noise too (S. De et al., "Unlocking High-Accuracy Differentially
Private Image Classification through Scale", 2022, arXiv 2204.13650).
"""

import numpy as np

from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.seam.records import Vector


class MovingAverage:
    """The exponential moving average of what is published.

    Args:
        snapshots: Where versions are; averages lie among them under numbers of their own.
        decay: What the average keeps of itself at every version, below 1; 0 keeps none, and
            versions are judged as they are.
    """

    def __init__(self, snapshots: Snapshots, decay: float) -> None:
        self._snapshots = snapshots
        self._decay = decay

    def judged(self, version: int) -> int:
        """The number of the snapshot that is judged as a version: its own, or its average's."""
        return ~version if self._decay else version

    def begin(self, parameters: Vector) -> None:
        """Take version 0. Shape [P]."""
        if self._decay:
            self._snapshots.write(self.judged(0), parameters)

    def follow(self, version: int, parameters: Vector) -> None:
        """Take the next version's parameters. Shape [P]."""
        if not self._decay:
            return
        before = self._snapshots.read(self.judged(version - 1))
        moved = np.float32(1.0 - min(self._decay, (1 + version) / (10 + version)))
        self._snapshots.write(self.judged(version), before + moved * (parameters - before))
