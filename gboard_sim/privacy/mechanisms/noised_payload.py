"""What mechanisms share that clip an update on the phone and add noise to every coordinate."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim import seeds
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.records import Floats, Vector


@dataclass(frozen=True, slots=True)
class NoisedPayload(ABC):
    """A clipped update plus independent noise.

    The noise of a payload is a pure function of the privacy seed, the phone and the phone's own
    count of payloads: never shared by two phones or two payloads, and the same in a run that was
    resumed. It is drawn and added in float64 and rounded to float32 once, at the end, which is
    work on a released value and costs no privacy. The guarantee is that of real arithmetic: the
    sampler is not hardened against reading the noise off its low bits (Mironov, CCS 2012).

    Attributes:
        clip: The norm C.
        noise_multiplier: Standard deviation of the noise over C; 0 clips without noise.
        seed: The privacy seed, which keys noise and nothing else.
        name: Its name in experiment files.

    Raises:
        ValueError: `clip` is not above 0 or `noise_multiplier` is below 0, or one is not finite.
    """

    name: ClassVar[str]

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

    @abstractmethod
    def _clipped(self, update: Vector) -> Vector:
        """The update with a norm of at most C. Raises ValueError for NaN or infinity."""

    @abstractmethod
    def _noise(self, size: int, random: np.random.Generator) -> Iterator[Floats]:
        """What is added, `BLOCK` numbers at a time; each block is the caller's to change."""

    def privatize(self, update: Vector, phone: int, nth: int) -> Vector:
        """The update as it leaves the phone.

        Args:
            update: Flat float32 update. Shape [C].
            phone: The phone.
            nth: The phone's own count of payloads before this one.

        Raises:
            ValueError: The update holds NaN or infinity.
        """
        clipped = self._clipped(update)
        if self.noise_multiplier == 0.0:
            return clipped
        random = seeds.quick_stream(self.seed, "local-noise", phone, nth)
        noisy, first = np.empty_like(clipped), 0
        for noise in self._noise(len(clipped), random):  # in cache: fresh memory costs more
            part = slice(first, first + len(noise))
            np.add(noise, clipped[part], out=noise)
            noisy[part] = noise
            first += len(noise)
        return noisy

    def event(self, version: int, releases: int) -> PrivacyEvent | None:
        """The ledger's entry for a step that used `releases` payloads."""
        return PrivacyEvent(self.name, version, releases, self.noise_multiplier, self.clip)
