"""A clip that follows a quantile of the updates' norms (Andrew et al., NeurIPS 2021).

Beside its update, clipped to C, a phone sends one bit: 1 when the norm was at most C, as +-1/2.
From the noised share b of ones the server sets C <- C exp(-eta (b - gamma)): too many ones, and the
clip falls. Bit and update are one Gaussian release of multiplier z when the update's noise has
z_delta = (z^-2 - (2 sigma_b)^-2)^(-1/2), since the bit, of sensitivity 1/2, takes the rest. The
noise of a version is scaled by the C that its updates were clipped to.
"""

import math
from dataclasses import dataclass

BIT_BYTES = 1
"""What a phone sends beside its update: one bit takes a byte of its message, in every version, also
once the clip stays (assumed: messages of one run have one form)."""


@dataclass(frozen=True, slots=True)
class AdaptiveClip:
    """How the clip follows; sections 2 and 3.1 of the paper have the defaults.

    Attributes:
        quantile: gamma, the share of updates that the clip should leave as they are.
        learning_rate: eta.
        bit_noise: sigma_b, the standard deviation of the noise on the sum of the bits.
        versions: Versions after which the clip stays as it is; None follows to the end.
    """

    quantile: float
    learning_rate: float
    bit_noise: float
    versions: int | None = None

    def follows(self, version: int) -> bool:
        """Whether the bits of a version are looked at."""
        return self.versions is None or version <= self.versions

    def update_noise(self, noise_multiplier: float) -> float:
        """z_delta, the noise multiplier that is left for the update.

        Raises:
            ValueError: The bits alone spend more than all.
        """
        if noise_multiplier == 0.0:
            return 0.0
        if noise_multiplier >= 2.0 * self.bit_noise:
            raise ValueError(
                f"noise_multiplier(={noise_multiplier:g}) must be below twice the bits' noise, "
                f"2 x {self.bit_noise:g}: bits with so little noise spend all of it; raise "
                "bit_noise"
            )
        return 1.0 / math.sqrt(noise_multiplier**-2 - (2.0 * self.bit_noise) ** -2)

    def next_clip(self, clip: float, within: float, uploads: int, denominator: float) -> float:
        """The clip of the next version.

        Args:
            clip: The one that the uploads were clipped to.
            within: How many had a norm of at most that, noised.
            uploads: How many there were; one that is missing counts as half a one.
            denominator: The fixed number of uploads.
        """
        share = (within - 0.5 * uploads) / denominator + 0.5
        return clip * math.exp(-self.learning_rate * (share - self.quantile))
