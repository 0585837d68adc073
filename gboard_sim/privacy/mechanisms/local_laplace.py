"""Local differential privacy by Laplace noise: pure epsilon, and a clip of the L1 norm.

C. Dwork, F. McSherry, K. Nissim, A. Smith, "Calibrating Noise to Sensitivity in Private Data
Analysis", TCC 2006: noise of scale b on every coordinate is (s / b, 0)-private for values that
differ by at most s in L1. Two updates clipped to an L1 norm of C differ by at most 2 C; an update
and the empty one, which is what the zero-out relation compares, by at most C.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim.privacy.clipping import BLOCK, clip_l1
from gboard_sim.privacy.mechanisms.noised_payload import NoisedPayload
from gboard_sim.seam.records import Floats, Vector


@dataclass(frozen=True, slots=True)
class LocalLaplace(NoisedPayload):
    """An update clipped to an L1 norm, plus Laplace noise of scale C noise_multiplier / sqrt(2)."""

    name: ClassVar[str] = "local_laplace"

    def _clipped(self, update: Vector) -> Vector:
        return clip_l1(update, self.clip)

    def _noise(self, size: int, random: np.random.Generator) -> Iterator[Floats]:
        # Laplace is exponential with a fair sign; the exponential's sampler is the faster one.
        drawn = random.standard_exponential(size)
        bits = random.integers(0, 256, -(-size // 8), dtype=np.uint8)
        for first in range(0, size, BLOCK):
            noise = drawn[first : first + BLOCK]
            noise *= self.noise_multiplier * self.clip / math.sqrt(2.0)
            signs = np.unpackbits(bits[first // 8 :], count=len(noise)).astype(np.uint64)
            signs <<= np.uint64(63)  # where float64 has its sign
            noise.view(np.uint64)[:] ^= signs
            yield noise
