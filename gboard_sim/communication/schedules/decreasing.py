"""Local steps that fall with the version: much local work at first, talk more often later.

J. Mills, J. Hu, G. Min, "Faster Federated Learning with Decaying Number of Local SGD Steps" (2023,
arXiv 2305.09628): K_r = ceil(K_0 / r^(1/3)) in round r = 1, 2, ..., after their bound's optimum.
"""

from dataclasses import dataclass
from math import isfinite, pow
from typing import ClassVar

from gboard_sim.communication.schedules.every_window import EveryWindow, ceil, scaled
from gboard_sim.seam.records import LocalWork


@dataclass(frozen=True, slots=True)
class Decreasing(EveryWindow):
    """H_v = ceil(H_0 / (1 + floor(v / every))^exponent), at least `least`.

    H_0 is what `[training]` says of the phone's class, in steps or in epochs.

    Attributes:
        exponent: How fast it falls.
        every: Versions in a stage.
        least: Smallest H; a class whose H_0 is smaller keeps that.
        name: Its name in experiment files.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "decreasing"

    exponent: float = 1.0 / 3.0
    every: int = 1
    least: int = 1

    def __post_init__(self) -> None:
        if not (self.exponent > 0.0 and isfinite(self.exponent)):
            raise ValueError(f"exponent(={self.exponent}) must be a finite number above 0")
        if self.every < 1:
            raise ValueError(f"every(={self.every}) must be at least 1 version")
        if self.least < 1:
            raise ValueError(f"least(={self.least}) must be at least 1")

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        share = pow(1 + version // self.every, -self.exponent)

        def fallen(own: int) -> int:
            return max(ceil(own * share), min(self.least, own))

        return scaled(self.work.at(version), fallen, most=None)
