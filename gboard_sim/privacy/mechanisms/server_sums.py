"""Privacy at a trusted server: bounded uploads, one noised sum a version, a fixed denominator.

The order is that of a real server: the phone clips and encodes, the server decodes, clips again,
sums, adds noise, and divides by a number that was fixed before the run. The noise is keyed by the
privacy seed and the version, so that a resumed run adds the same. It is drawn in float64; the
guarantee is that of real arithmetic, as for `local_gaussian`.
"""

import math
from dataclasses import dataclass

import numpy as np

from gboard_sim import seeds
from gboard_sim.privacy.clipping import norm_of
from gboard_sim.privacy.mechanisms.adaptive_clip import AdaptiveClip
from gboard_sim.privacy.mechanisms.clip_bound import ClipBound
from gboard_sim.privacy.mechanisms.sum_noise import SumNoise
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.privacy_protocols import MechanismState, Released, Summed
from gboard_sim.seam.records import Floats

_CLIP = "clip"
_NOISE = "noise."


@dataclass(frozen=True, slots=True)
class ServerSums:
    """Noised sums over a fixed denominator.

    Attributes:
        noise: What the noise of one version has to do with that of others.
        noise_multiplier: z, the standard deviation of fresh noise over the clip.
        clip: The L2 clip, or the first one where it adapts.
        denominator: What every sum is divided by.
        seed: The privacy seed, which keys noise and nothing else.
        adaptive: How the clip follows the updates' norms; None keeps it.
        noise_share: Share of the noise that is added: below 1 where a cohort stands for a larger
            one, whose noise would be spread over more uploads.
        lengthens: By how much the codec lengthens an update at most; see `ClipBound`.

    Raises:
        ValueError: A number is out of range.
    """

    noise: SumNoise
    noise_multiplier: float
    clip: float
    denominator: float
    seed: int
    adaptive: AdaptiveClip | None = None
    noise_share: float = 1.0
    lengthens: float | None = None

    def __post_init__(self) -> None:
        for name in ("clip", "denominator", "noise_share"):
            if not (getattr(self, name) > 0.0 and math.isfinite(getattr(self, name))):
                raise ValueError(f"{name}(={getattr(self, name)}) must be a finite number above 0")
        if not (self.noise_multiplier >= 0.0 and math.isfinite(self.noise_multiplier)):
            raise ValueError(
                f"noise_multiplier(={self.noise_multiplier}) must be a finite number, at least 0"
            )
        if self.adaptive is not None:
            self.adaptive.update_noise(self.noise_multiplier)

    @property
    def name(self) -> str:
        """Its name in experiment files."""
        return self.noise.name

    @property
    def adapts(self) -> bool:
        """Whether the clip follows."""
        return self.adaptive is not None

    def start(self) -> MechanismState:
        """The first clip, where it adapts."""
        return {_CLIP: np.array([self.clip])} if self.adapts else {}

    def bound(self, state: MechanismState) -> ClipBound:
        """The clip of the version that follows a state."""
        return ClipBound(self._clip(state), self.lengthens)

    def _clip(self, state: MechanismState) -> float:
        return float(state[_CLIP][0]) if self.adapts else self.clip

    def release(self, state: MechanismState, summed: Summed) -> Released:
        """The noised mean of a cohort; see `ServerMechanism`."""
        clip, version, follows = self._clip(state), summed.version, None
        multiplier = self.noise_multiplier
        if self.adaptive is not None and self.adaptive.follows(version):
            follows = self.adaptive
            multiplier = follows.update_noise(multiplier)
        unit = multiplier * clip * self.noise_share
        made, total, applied = dict(state), summed.total, 0.0
        if unit > 0.0:
            before = {k.removeprefix(_NOISE): v for k, v in state.items() if k != _CLIP}

            def normals(*ids: int) -> Floats:
                return seeds.stream(self.seed, "server-noise", *ids).standard_normal(len(total))

            after, noise = self.noise.draw(before, version - 1, normals)
            made = {_NOISE + name: array for name, array in after.items()}
            noise *= unit
            applied = norm_of(noise) / math.sqrt(len(noise))
            total += noise
        if follows is not None:
            made[_CLIP] = np.array([follows.next_clip(clip, *self._bits(summed))])
        elif self.adapts:
            made[_CLIP] = np.array([clip])
        total /= self.denominator
        event = PrivacyEvent(
            mechanism=self.name,
            version=version,
            releases=1,
            noise_multiplier=self.noise_multiplier,
            clip=clip,
            deviation=unit * self.noise.deviation(version - 1),
            applied=applied,
            numbers=len(total),
            refused=summed.refused,
        )
        return Released(total, made, event)

    def _bits(self, summed: Summed) -> tuple[float, int, float]:
        """The noised number of ones among how many bits, and the denominator."""
        within = float(summed.within)
        if self.noise_multiplier > 0.0 and self.adaptive is not None:
            drawn = seeds.stream(self.seed, "bit-noise", summed.version).standard_normal()
            within += drawn * self.adaptive.bit_noise * self.noise_share
        return within, summed.uploads, self.denominator
