"""AdaComm: fewer local steps between uploads as the training loss falls.

J. Wang, G. Joshi, "Adaptive Communication Strategies to Achieve the Best Error-Runtime Trade-off in
Local-Update SGD" (SysML 2019, arXiv 1810.08313): tau_l = ceil(sqrt(F_l / F_0) tau_0) at the
beginning of interval l; where that is not below tau_(l-1), gamma tau_(l-1) instead.
"""

from dataclasses import dataclass
from math import isfinite, sqrt
from typing import ClassVar

from gboard_sim.communication.schedules.every_window import EveryWindow, amount, ceil, changed
from gboard_sim.seam.protocols import Memory
from gboard_sim.seam.records import LocalWork


@dataclass(frozen=True, slots=True)
class AdaComm(EveryWindow):
    """H_0 at first, and at versions l `every` = 1, 2, ... times `every` the paper's rule.

    H_0 is what `[training]` says at version 0 of the phone's class, in steps or in epochs; every
    class follows the rule from its own. F_l is the mean training loss per token of the cohort that
    made the version, F_0 that of the first cohort with a loss: losses of one cohort each, so noisy
    where cohorts are small. Both ways H is rounded up, and is at least 1. The factor that the paper
    adds for a learning rate that falls is left out. A learner that learns nothing knows no loss, so
    that a fleet alone, or phones that never upload, keep H_0.

    Attributes:
        every: Versions in an interval (assumed; the paper's is 60 s).
        gamma: What H is multiplied by where the loss alone would not lower it; the paper's 1/2.
        name: Its name in experiment files.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "adacomm"

    every: int = 10
    gamma: float = 0.5

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every(={self.every}) must be at least 1 version")
        if not 0.0 < self.gamma <= 1.0:
            raise ValueError(f"gamma(={self.gamma}) must be above 0 and at most 1")

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class before any loss is known."""
        return self._with(version, self._first)

    def adapt(
        self, memory: Memory, version: int, loss: float
    ) -> tuple[Memory, tuple[LocalWork, ...]]:
        """The local work of cycles that start from a version that was just made.

        Args:
            memory: What was returned for the version before; empty for the first: F_0, then the
                newest H of each class.
            version: The version, at least 1.
            loss: Mean training loss per token of the cohort that made it.
        """
        usable = isfinite(loss) and loss > 0.0
        if not memory:
            if not usable:
                return (), self.local(version)
            return (loss, *map(float, self._first)), self.local(version)
        first_loss, now = memory[0], [int(h) for h in memory[1:]]
        if usable and version % self.every == 0:
            share = sqrt(loss / first_loss)
            asked = [ceil(share * h) for h in self._first]
            now = [
                max(1, a if a < h else ceil(self.gamma * h))
                for a, h in zip(asked, now, strict=True)
            ]
        return (first_loss, *map(float, now)), self._with(version, now)

    @property
    def _first(self) -> list[int]:
        """H_0 of each class."""
        return [amount(work) for work in self.work.at(0)]

    def _with(self, version: int, amounts: list[int]) -> tuple[LocalWork, ...]:
        works = self.work.at(version)
        return tuple(changed(work, h) for work, h in zip(works, amounts, strict=True))
