"""Local steps that grow linearly with the version: talk often at first, then less and less.

F. Haddadpour et al., "Local SGD with Periodic Averaging: Tighter Analysis and Adaptive
Synchronization" (NeurIPS 2019, arXiv 1910.13598): H_i = H_0 (1 + a i) in round i. A. Spiridonoff,
A. Olshevsky, I. Paschalidis, "Communication-efficient SGD: From Local SGD to One-Shot Averaging"
(NeurIPS 2021, arXiv 2106.04759): H_i = a (i + 1), which is H_0 = a with growth 1.
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from gboard_sim.communication.schedules.every_window import EveryWindow, floor, scaled
from gboard_sim.seam.records import LocalWork


@dataclass(frozen=True, slots=True)
class LinearGrowth(EveryWindow):
    """H_v = floor(H_0 (1 + growth floor(v / every))), at most `most`.

    H_0 is what `[training]` says of the phone's class, in steps or in epochs.

    Attributes:
        growth: What a stage adds, in parts of H_0.
        every: Versions in a stage.
        most: Largest H; None is `every_window.MOST`.
        name: Its name in experiment files.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "linear_growth"

    growth: float = 0.1
    every: int = 1
    most: int | None = None

    def __post_init__(self) -> None:
        if not (self.growth > 0.0 and isfinite(self.growth)):
            raise ValueError(f"growth(={self.growth}) must be a finite number above 0")
        if self.every < 1:
            raise ValueError(f"every(={self.every}) must be at least 1 version")
        if self.most is not None and self.most < 1:
            raise ValueError(f"most(={self.most}) must be at least 1")

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        grown = 1.0 + self.growth * (version // self.every)
        return scaled(self.work.at(version), lambda own: floor(own * grown), most=self.most)
