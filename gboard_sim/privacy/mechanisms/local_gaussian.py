"""Local differential privacy by Gaussian noise: clip and noise on the phone, before encoding.

Under the zero-out relation (one phone's text, and with it its update, replaced by nothing) an
update clipped to norm C has sensitivity C; under replace-one (by any other text) it has 2 C. The
noise is the same; what is claimed of it differs (`gboard_sim.privacy.accountant`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim.privacy.clipping import BLOCK, clip_l2
from gboard_sim.privacy.mechanisms.noised_payload import NoisedPayload
from gboard_sim.seam.records import Floats, Vector


@dataclass(frozen=True, slots=True)
class LocalGaussian(NoisedPayload):
    """An update clipped to an L2 norm, plus Gaussian noise; see `NoisedPayload`."""

    name: ClassVar[str] = "local_gaussian"

    def _clipped(self, update: Vector) -> Vector:
        return clip_l2(update, self.clip)

    def _noise(self, size: int, random: np.random.Generator) -> Iterator[Floats]:
        held = np.empty(BLOCK)
        for first in range(0, size, BLOCK):
            noise = random.standard_normal(out=held[: size - first])
            noise *= self.noise_multiplier * self.clip
            yield noise
