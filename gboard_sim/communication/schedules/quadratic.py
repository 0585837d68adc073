"""The quadratic synchronisation rule: local steps grow as the learning rate falls.

X. Gu, K. Lyu, S. Arora, J. Zhang, L. Huang, "A Quadratic Synchronization Rule for Distributed Deep
Learning" (ICLR 2024, arXiv 2310.14423): H = max(H_base, floor((alpha / eta)^2)), with eta the
learning rate at the beginning of the round.
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from gboard_sim.communication.schedules.every_window import EveryWindow, floor, scaled
from gboard_sim.seam.records import LocalWork

_LARGE = 1e9  # alpha / eta beyond which every cap holds; its square is still a whole number


@dataclass(frozen=True, slots=True)
class Quadratic(EveryWindow):
    """H_v = max(H_base, floor((alpha / eta_v)^2)), at most `most`.

    H_base is what `[training]` says of the phone's class, which must be steps; eta_v is the phones'
    learning rate at version v, without its warm-up, in which a small rate is no sign of a late
    version. With a constant rate H is constant. The paper cuts the last round to fit the end of
    training; here a run ends at a version or at a time, so there is nothing to cut.

    Attributes:
        alpha: The coefficient: eta at which the rule asks for one step.
        most: Largest H; None is `every_window.MOST`.
        name: Its name in experiment files.

    Raises:
        ValueError: A value is out of range, or a class of phones trains by epochs.
    """

    name: ClassVar[str] = "quadratic"

    alpha: float = 1.0
    most: int | None = None

    def __post_init__(self) -> None:
        if not (self.alpha > 0.0 and isfinite(self.alpha)):
            raise ValueError(f"alpha(={self.alpha}) must be a finite number above 0")
        if self.most is not None and self.most < 1:
            raise ValueError(f"most(={self.most}) must be at least 1")
        for name, work in zip(self.work.classes, self.work.at(0), strict=True):
            if work.steps is None:
                raise ValueError(
                    f"quadratic counts steps: phones of class {name!r} train {work.epochs} epochs; "
                    "set training.steps"
                )

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        rate = self.work.learning_rate.warmed_up(version)
        asked = floor(min(self.alpha / rate, _LARGE) ** 2) if rate > 0.0 else floor(_LARGE**2)
        return scaled(self.work.at(version), lambda base: max(base, asked), most=self.most)
