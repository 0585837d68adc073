"""Distributed differential privacy: phones add shares of the noise, and only sums are seen.

Each update is clipped, turned by a rotation that the whole cohort shares, scaled, rounded to whole
numbers, given its share of whole-numbered noise, and taken modulo 2^bits; behind the masks of
secure aggregation the server sees nothing but the sum modulo 2^bits, which it unwraps, turns back
and scales back. The discrete Gaussian is that of P. Kairouz, Z. Liu, T. Steinke (ICML 2021), the
Skellam mechanism that of N. Agarwal, P. Kairouz, Z. Liu (NeurIPS 2021). The noise of the sum is
enough once `minimum` - `colluders` phones have added theirs; a larger cohort has more.

How scale and noise follow from an epsilon stands in `gboard_sim.privacy.distributed_calibration`.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim import rotation, seeds
from gboard_sim.privacy.clipping import clip_l2
from gboard_sim.privacy.mechanisms import discrete_gaussian
from gboard_sim.privacy.mechanisms.integer_rounding import norm_bound, round_within
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.privacy_protocols import MechanismState, Released, Summed
from gboard_sim.seam.records import Floats, Ints, Vector


@dataclass(frozen=True, slots=True)
class ClippedOnce:
    """An L2 norm to which phones clip; an honest-but-curious server sees no single update.

    Attributes:
        clip: The norm C.
    """

    clip: float

    def on_phone(self, update: Vector) -> tuple[Vector, bool]:
        """The clipped update, and whether its norm was at most the clip."""
        clipped = clip_l2(update, self.clip)
        return clipped, clipped is update

    def on_server(self, received: Vector, parameters: int) -> Vector:
        """The share, as it came.

        Raises:
            ValueError: It has another shape.
        """
        if received.shape != (parameters,):
            raise ValueError(f"share has shape {received.shape}; wanted: ({parameters},)")
        return received


@dataclass(frozen=True, slots=True)
class Distributed(ABC):
    """What both distributed mechanisms do.

    Attributes:
        clip: The L2 norm C.
        noise_multiplier: Standard deviation over C of the noise of the fewest honest shares that a
            sum has; 0 clips without noise.
        seed: The privacy seed, which keys noise, rounding and rotations.
        bits: Of the ring of whole numbers modulo 2^bits.
        scale: Whole numbers in a unit of the update.
        share_variance: Variance of one phone's share of noise, in whole numbers squared.
        name: Its name in experiment files.
        sampler: What the claim has to say of how shares are drawn; empty where exactly.
    """

    name: ClassVar[str]
    sampler: ClassVar[str] = ""

    clip: float
    noise_multiplier: float
    seed: int
    bits: int
    scale: float
    share_variance: float

    @abstractmethod
    def _noise(self, size: int, random: np.random.Generator) -> Ints:
        """One phone's share. Shape [size]."""

    @property
    def adapts(self) -> bool:
        """Whether the bound follows: never."""
        return False

    def start(self) -> MechanismState:
        """Nothing is remembered."""
        return {}

    def bound(self, state: MechanismState) -> "ClippedOnce":
        """The clip, which no server can check behind a mask."""
        return ClippedOnce(self.clip)

    def share(self, clipped: Vector, phone: int, nth: int, version: int) -> Vector:
        """What a phone adds to the sum, before its mask: whole numbers from 0 to 2^bits - 1.

        Args:
            clipped: The clipped update. Shape [P].
            phone: The phone.
            nth: The phone's own count of payloads before this one.
            version: The version that the sum will make: names the cohort's rotation.
        """
        random = seeds.stream(self.seed, "share", phone, nth)
        turned = rotation.rotate(clipped, self._rotation(version))
        turned *= np.float32(self.scale)
        rounded = round_within(turned, norm_bound(self.scale * self.clip, len(clipped)), random)
        whole = rounded.astype(np.int64)
        if self.share_variance:
            whole += self._noise(len(clipped), random)
        whole &= 2**self.bits - 1
        rounded[:] = whole
        return rounded

    def opened(self, total: Ints, version: int) -> Floats:
        """The sum of the updates, from the sum of their shares modulo 2^bits.

        Args:
            total: Shape [P].
            version: The version that it makes.
        """
        half = 2 ** (self.bits - 1)
        signed = ((total + half) & (2**self.bits - 1)) - half
        turned = (signed / self.scale).astype(np.float32)
        return rotation.rotate_back(turned, self._rotation(version)).astype(np.float64)

    def release(self, state: MechanismState, summed: Summed) -> Released:
        """The mean of a cohort, whose size is public; see `ServerMechanism`.

        What is summed are shares: whole numbers below 2^24, whose sums float64 holds exactly.
        """
        mean = self.opened(summed.total.astype(np.int64), summed.version)
        mean /= max(summed.uploads, 1)
        event = PrivacyEvent(
            mechanism=self.name,
            version=summed.version,
            releases=1,
            noise_multiplier=self.noise_multiplier,
            clip=self.clip,
            deviation=math.sqrt(summed.uploads * self.share_variance) / self.scale,
            refused=summed.refused,
        )
        return Released(mean, state, event)

    def _rotation(self, version: int) -> int:
        return int(seeds.bits(self.seed, "rotation-key", version))


@dataclass(frozen=True, slots=True)
class DistributedSkellam(Distributed):
    """Shares that are differences of two Poisson numbers: their sum is one exactly, too."""

    name: ClassVar[str] = "distributed_skellam"

    def _noise(self, size: int, random: np.random.Generator) -> Ints:
        noise: Ints = random.poisson(self.share_variance / 2.0, size)
        noise -= random.poisson(self.share_variance / 2.0, size)
        return noise


@dataclass(frozen=True, slots=True)
class DistributedDiscreteGaussian(Distributed):
    """Shares that are discrete Gaussians: their sum is nearly one, which costs a little epsilon."""

    name: ClassVar[str] = "distributed_discrete_gaussian"
    sampler: ClassVar[str] = " (whose sampler's distance from the exact law is taken off delta)"

    def _noise(self, size: int, random: np.random.Generator) -> Ints:
        return discrete_gaussian.table(self.share_variance).draw(size, random)
