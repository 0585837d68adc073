"""Noise in blocks of versions: a warm-up with independent noise, then a matrix that may restart.

While a clip adapts, the noise of one version cannot take off that of another, which was scaled to
another clip; so the clip is estimated in a warm-up with independent noise and then stays. A matrix
that restarts every so many versions is smaller. The blocks stand on the diagonal of one matrix, so
the squared sensitivity is the most that a phone's uses, shared out among the blocks, add up to.
"""

from dataclasses import dataclass, replace

import numpy as np

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.sum_noise import Normals, SumNoise, uses_of, versions_of
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.records import Floats


@dataclass(frozen=True, slots=True)
class Blocks:
    """See `SumNoise`.

    Attributes:
        inner: The matrix of the blocks after the warm-up.
        warm_up: Versions with independent noise before them.
        length: Versions of a block.
    """

    inner: SumNoise
    warm_up: int
    length: int

    @property
    def name(self) -> str:
        """That of the matrix."""
        return self.inner.name

    @property
    def words(self) -> str:
        """What it is."""
        warm_up = f"after {self.warm_up} versions of independent noise " if self.warm_up else ""
        return f"{warm_up}{self.inner.words} in blocks of {self.length} versions,"

    def draw(
        self, state: MechanismState, step: int, normals: Normals
    ) -> tuple[MechanismState, Floats]:
        """The inner noise's, which begins anew with every block."""
        if step < self.warm_up:
            return {}, normals(step)
        first, within = self._place(step)
        # The warm-up's draws have one id, these two or more, so none is used twice.
        held = state if within else {}
        return self.inner.draw(held, within, lambda *ids: normals(first, *ids))

    def deviation(self, step: int) -> float:
        """That of the version's place in its block."""
        return 1.0 if step < self.warm_up else self.inner.deviation(self._place(step)[1])

    def _place(self, step: int) -> tuple[int, int]:
        """The first version of a block, and the place of a version in it."""
        within = (step - self.warm_up) % self.length
        return step - within, within

    def sensitivity_squared(self, bounds: Bounds) -> float:
        """The most that uses add up to, as if blocks did not keep each other's uses apart."""
        left, uses = versions_of(bounds), uses_of(bounds)
        most = np.zeros(uses + 1)  # by the number of uses so far
        noise: SumNoise = Independent()
        versions = min(self.warm_up, left)
        while left > 0:
            if versions:
                most = _shared(most, noise, replace(bounds, versions=versions))
            left -= versions
            noise, versions = self.inner, min(self.length, left)
        return float(most.max())


def _shared(most: Floats, noise: SumNoise, bounds: Bounds) -> Floats:
    """The most that uses add up to with one more block. Shape [uses + 1]."""
    found = most.copy()
    for uses in range(1, min(uses_of(bounds), len(most) - 1) + 1):
        squared = noise.sensitivity_squared(replace(bounds, participations=uses))
        found[uses:] = np.maximum(found[uses:], most[: len(most) - uses] + squared)
    return found
