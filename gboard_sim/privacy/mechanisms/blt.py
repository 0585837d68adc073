"""DP-FTRL with buffered linear Toeplitz matrices (Dvijotham et al., FOCS 2024, arXiv 2404.16706).

The Toeplitz matrix B has c_0 = 1 and c_t = sum_i omega_i theta_i^(t-1), so that B^-1 Z streams
through a few buffers: x = z - omega . S, then S_i <- theta_i S_i + x. Memory is that of so many
models.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.mechanisms.sum_noise import Normals, uses_of, versions_of
from gboard_sim.privacy.mechanisms.toeplitz import Numbers, row_deviation, sensitivity_squared
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.records import Floats


@dataclass(frozen=True, slots=True)
class Blt:
    """See `SumNoise`.

    Attributes:
        theta: How much of each buffer stays, falling.
        omega: How much of each buffer is taken off fresh noise.

    Raises:
        ValueError: The coefficients of the matrix would be negative, or rise.
    """

    name: ClassVar[str] = "blt"

    theta: Numbers
    omega: Numbers

    def __post_init__(self) -> None:
        if len(self.theta) != len(self.omega) or not self.theta:
            raise ValueError(f"theta(={self.theta}) and omega(={self.omega}) must be as many")
        if not (all(0.0 < t < 1.0 for t in self.theta) and min(self.omega) > 0.0):
            raise ValueError(f"theta(={self.theta}) must be in (0, 1), omega(={self.omega}) above")
        if sum(self.omega) > 1.0:
            raise ValueError(f"omega(={self.omega}) must add up to at most 1")

    @property
    def words(self) -> str:
        """What it is."""
        return f"Gaussian noise correlated through {len(self.theta)} buffers,"

    def coefficients(self, count: int) -> Floats:
        """The first coefficients of the matrix. Shape [count]."""
        powers = np.power.outer(self.theta, np.arange(count - 1))
        return np.concatenate([[1.0], np.array(self.omega) @ powers])

    def draw(
        self, state: MechanismState, step: int, normals: Normals
    ) -> tuple[MechanismState, Floats]:
        """Fresh noise less what the buffers hold of it."""
        row = normals(step)
        if not state:
            return {f"buffer.{i}": row.copy() for i in range(len(self.theta))}, row
        held = [state[f"buffer.{i}"] for i in range(len(self.theta))]
        for omega, buffer in zip(self.omega, held, strict=True):
            row -= omega * buffer
        kept = [theta * buffer + row for theta, buffer in zip(self.theta, held, strict=True)]
        return {f"buffer.{i}": buffer for i, buffer in enumerate(kept)}, row

    def deviation(self, step: int) -> float:
        """That of the row."""
        count = 1 << (step + 1).bit_length()
        return row_deviation(tuple(self.coefficients(count).tolist()), step)

    def sensitivity_squared(self, bounds: Bounds) -> float:
        """That of a Toeplitz matrix whose coefficients never rise."""
        coefficients = self.coefficients(versions_of(bounds))
        return sensitivity_squared(coefficients, uses_of(bounds), bounds.separation)
