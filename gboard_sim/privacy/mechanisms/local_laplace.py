"""Local differential privacy by Laplace noise: pure epsilon, and a clip of the L1 norm.

C. Dwork, F. McSherry, K. Nissim, A. Smith, "Calibrating Noise to Sensitivity in Private Data
Analysis", TCC 2006: noise of scale b on every coordinate is (s / b, 0)-private for values that
differ by at most s in L1. Two updates clipped to an L1 norm of C differ by at most 2 C; an update
and the empty one, which is what the zero-out relation compares, by at most C.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim import seeds
from gboard_sim.privacy.clipping import clip_l1
from gboard_sim.records import PrivacyEvent, Vector


@dataclass(frozen=True, slots=True)
class LocalLaplace:
    """An update clipped to an L1 norm, plus independent Laplace noise on every coordinate.

    Keys, precision and the caveat on low bits are those of `LocalGaussian`.

    Attributes:
        clip: The L1 norm C.
        noise_multiplier: Standard deviation of the noise over C, so that its scale is
            C noise_multiplier / sqrt(2); 0 clips without noise.
        seed: The privacy seed, which keys noise and nothing else.
        name: Its name in experiment files.

    Raises:
        ValueError: `clip` is not above 0 or `noise_multiplier` is below 0, or one is not finite.
    """

    name: ClassVar[str] = "local_laplace"

    clip: float
    noise_multiplier: float
    seed: int

    def __post_init__(self) -> None:
        if not (self.clip > 0.0 and math.isfinite(self.clip)):
            raise ValueError(f"clip(={self.clip}) must be a finite number above 0")
        if not (self.noise_multiplier >= 0.0 and math.isfinite(self.noise_multiplier)):
            raise ValueError(
                f"noise_multiplier(={self.noise_multiplier}) must be a finite number, at least 0"
            )

    def privatize(self, update: Vector, phone: int, nth: int) -> Vector:
        """The update as it leaves the phone.

        Args:
            update: Flat float32 update. Shape [P].
            phone: The phone.
            nth: The phone's own count of payloads before this one.

        Raises:
            ValueError: The update holds NaN or infinity.
        """
        clipped = clip_l1(update, self.clip)
        if self.noise_multiplier == 0.0:
            return clipped
        # Laplace is exponential with a fair sign; the exponential's sampler is the faster one.
        random = seeds.stream(self.seed, "local-noise", phone, nth)
        noisy = random.standard_exponential(len(update))
        noisy *= self.noise_multiplier * self.clip / math.sqrt(2.0)
        drawn = random.integers(0, 256, -(-len(update) // 8), dtype=np.uint8)
        signs = np.unpackbits(drawn, count=len(update)).astype(np.uint64)
        signs <<= np.uint64(63)  # where float64 has its sign
        noisy.view(np.uint64)[:] ^= signs
        noisy += clipped
        return noisy.astype(np.float32)

    def event(self, version: int, releases: int) -> PrivacyEvent | None:
        """The ledger's entry for a step that used `releases` payloads."""
        return PrivacyEvent(self.name, version, releases, self.noise_multiplier, self.clip)
