"""Noise over the versions of a run: what a server adds to one sum after another.

With the updates of version t clipped and summed to x_t, the server releases x_t plus z C (B^-1 Z)_t
for a lower triangular B, standard normal Z with one row per version, noise multiplier z and clip C
(matrix factorisation: Denisov et al., NeurIPS 2022, arXiv 2202.08312). To see these is to see
(B x)_t + z C Z_t, so the mechanism is one Gaussian whose sensitivity is that of B: over the
patterns P of versions that one phone may take part in, the largest norm of the sum of the columns
of B in P, each in a direction of its own choice. The identity for B is independent noise.
"""

from collections.abc import Callable
from typing import Protocol

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.records import Floats

Normals = Callable[..., Floats]
"""Standard normal draws by ids: the same for the same ids, independent for others. Shape [P]."""


class SumNoise(Protocol):
    """One lower triangular matrix B, and the noise that it makes; frozen, small to send."""

    @property
    def name(self) -> str:
        """Its name in experiment files."""
        ...

    @property
    def words(self) -> str:
        """What it is, for the claim's sentence."""
        ...

    def draw(
        self, state: MechanismState, step: int, normals: Normals
    ) -> tuple[MechanismState, Floats]:
        """What to remember, and row `step` of B^-1 Z, counted from 0. Shape [P].

        The noise is the caller's to change; `state` is not changed, and empty before step 0.
        """
        ...

    def deviation(self, step: int) -> float:
        """Standard deviation of every number of that row."""
        ...

    def sensitivity_squared(self, bounds: Bounds) -> float:
        """The square of B's sensitivity for phones that keep the bounds.

        Raises:
            ValueError: A bound is missing or too weak.
        """
        ...


def uses_of(bounds: Bounds) -> int:
    """Most versions that can use an upload of one phone.

    Raises:
        ValueError: Nothing bounds them.
    """
    if bounds.uses is None:
        raise ValueError(
            "needs a bound on participation: set protocol.max_participations or run.versions"
        )
    return bounds.uses


def versions_of(bounds: Bounds) -> int:
    """Versions of the run.

    Raises:
        ValueError: Nothing bounds them.
    """
    if bounds.versions is None:
        raise ValueError("needs the number of versions beforehand: set run.versions")
    return bounds.versions
