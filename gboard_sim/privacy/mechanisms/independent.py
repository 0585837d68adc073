"""Independent noise for every version: the matrix B is the identity.

A phone in at most k versions moves k sums, each by at most the clip, so the sensitivity is sqrt(k):
mu = sqrt(k) / z, however many versions there are.
"""

from dataclasses import dataclass
from typing import ClassVar

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.mechanisms.sum_noise import Normals, uses_of
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.records import Floats


@dataclass(frozen=True, slots=True)
class Independent:
    """See `SumNoise`."""

    name: ClassVar[str] = "central_gaussian"
    words: ClassVar[str] = "independent Gaussian noise"

    def draw(
        self, state: MechanismState, step: int, normals: Normals
    ) -> tuple[MechanismState, Floats]:
        """Fresh noise."""
        return state, normals(step)

    def deviation(self, step: int) -> float:
        """That of fresh noise."""
        return 1.0

    def sensitivity_squared(self, bounds: Bounds) -> float:
        """The most versions that use one phone."""
        return float(uses_of(bounds))
