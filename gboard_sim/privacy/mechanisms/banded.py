"""DP-FTRL with a banded matrix (Choquette-Choo et al., NeurIPS 2023, arXiv 2306.08153).

With no more bands than versions between two uses of a phone, the columns that a phone meets have
no row in common, so that a phone in k versions has a squared sensitivity of k times a column's
squared norm. The bands are the first coefficients of the square root of the prefix sums, near the
best there are (Kalinin and Lampert, NeurIPS 2024), in columns that are scaled to one norm. The last
bands - 1 rows of noise are kept: memory is bands times model.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.mechanisms.sum_noise import Normals, uses_of
from gboard_sim.privacy.mechanisms.toeplitz import row_deviation, square_root
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.records import Floats


@dataclass(frozen=True, slots=True)
class Banded:
    """See `SumNoise`.

    Attributes:
        bands: Versions that share a column.
        versions: Columns n.
        column_norm_squared: Squared norm of every column, in whose units the noise multiplier
            counts; 1 in most of the literature.
    """

    name: ClassVar[str] = "banded"

    bands: int
    versions: int
    column_norm_squared: float = 1.0

    @property
    def words(self) -> str:
        """What it is."""
        return f"Gaussian noise correlated in {self.bands} bands,"

    def draw(
        self, state: MechanismState, step: int, normals: Normals
    ) -> tuple[MechanismState, Floats]:
        """Fresh noise less what the last rows have of it."""
        row = normals(step)
        last = [state[f"row.{ago}"] for ago in range(1, min(step, self.bands - 1) + 1)]
        for share, before in zip(square_root(self.bands)[1:], last, strict=False):
            row -= share * before
        kept = [row, *last][: self.bands - 1]
        return {f"row.{ago}": each for ago, each in enumerate(kept, 1)}, row * self._scale(step)

    def deviation(self, step: int) -> float:
        """That of the row, in columns of one norm."""
        return row_deviation(square_root(self.bands), step) * self._scale(step)

    def _scale(self, step: int) -> float:
        """Norm of a column before scaling, over the norm that it is scaled to."""
        column = np.array(square_root(min(self.bands, self.versions - step)))
        return float(np.linalg.norm(column)) / math.sqrt(self.column_norm_squared)

    def sensitivity_squared(self, bounds: Bounds) -> float:
        """A column's squared norm for each use."""
        uses = uses_of(bounds)
        if uses > 1 and self.bands > bounds.separation:
            raise ValueError(
                f"bands(={self.bands}) must be at most the enforced separation, "
                f"protocol.separation_versions(={bounds.separation}): the columns that a phone "
                "meets would overlap"
            )
        return uses * self.column_norm_squared
