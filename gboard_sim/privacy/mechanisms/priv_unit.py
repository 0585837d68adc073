"""Local differential privacy of a direction and, apart from it, of a norm: pure epsilon.

A. Bhowmick, J. Duchi, J. Freudiger, G. Kapoor, R. Rogers, "Protection Against Reconstruction and
Its Applications in Private Federated Learning" (2018, arXiv 1812.00984). `PrivUnit_2` (algorithm 1
there) sends a unit vector drawn evenly from the cap {v : <v, u> >= gamma} around the direction u
with probability p, from the rest of the sphere else, divided by a constant m that makes its mean u.
`ScalarDP` (algorithm 4 there) rounds the norm at random to one of the levels 0 .. k, tells another
level with probability k / (e^epsilon + k), and undoes the mean error of both. Either tells nothing
of what the other tells, so their epsilons add.

How gamma, p and m follow from an epsilon stands in `gboard_sim.privacy.priv_unit_calibration`.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim import seeds
from gboard_sim.privacy.clipping import BLOCK, norm_of
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.records import Vector


@dataclass(frozen=True, slots=True)
class PrivUnit:
    """An update as direction times norm, each made private by itself; its mean is the clipped one.

    Attributes:
        clip: The L2 norm C; a longer update is sent as one of norm C.
        noise_multiplier: Root mean square, over an update of norm C, of the error's L2 norm divided
            by C sqrt(d): what the standard deviation of a coordinate is to Gaussian noise. 0 clips
            without noise, and needs none of what follows.
        seed: The privacy seed, which keys noise and nothing else.
        miss_probability: 1 - p, of what is not in the cap.
        cap_cosine: gamma, at least 0.
        shrinkage: m, the mean cosine between u and what is drawn.
        levels: k of the norm.
        norm_epsilon: Of the norm.
        name: Its name in experiment files.
    """

    name: ClassVar[str] = "priv_unit"

    clip: float
    noise_multiplier: float
    seed: int
    miss_probability: float = 0.0
    cap_cosine: float = 0.0
    shrinkage: float = 1.0
    levels: int = 1
    norm_epsilon: float = math.inf

    def privatize(self, update: Vector, phone: int, nth: int) -> Vector:
        """The update as it leaves the phone.

        Args:
            update: Flat float32 update of at least two numbers. Shape [P].
            phone: The phone.
            nth: The phone's own count of payloads before this one.

        Raises:
            ValueError: The update holds NaN or infinity.
        """
        norm = norm_of(update)
        if self.noise_multiplier == 0.0:
            return update * np.float32(min(1.0, self.clip / norm)) if norm else update
        random = seeds.quick_stream(self.seed, "local-noise", phone, nth)
        told = self._norm(min(norm, self.clip), random)
        cosine = self._cosine(len(update), random)
        if not norm:  # any direction is as good
            update, norm = _first_axis(len(update)), 1.0
        # What is orthogonal to u: a Gaussian vector without its part along u, normed. In blocks
        # that stay in cache, and whose sums have an order that no number of threads can change.
        drawn, along, squared = np.empty(len(update)), 0.0, 0.0
        for part in _parts(len(update)):
            block = random.standard_normal(out=drawn[part])
            along += float(block @ update[part]) / norm
            squared += float(block @ block)
        across = math.sqrt(max(squared - along * along, 0.0))
        side = math.sqrt(max(1.0 - cosine * cosine, 0.0)) / across
        scale = told / self.shrinkage
        onto = np.float64(scale * (cosine - side * along) / norm)
        sent = np.empty_like(update)
        for part in _parts(len(update)):
            block = drawn[part]
            block *= scale * side
            block += update[part] * onto
            sent[part] = block
        return sent

    def event(self, version: int, releases: int) -> PrivacyEvent | None:
        """The ledger's entry for a step that used `releases` payloads."""
        return PrivacyEvent(self.name, version, releases, self.noise_multiplier, self.clip)

    def _norm(self, norm: float, random: np.random.Generator) -> float:
        """ScalarDP of a clipped norm."""
        levels, power = self.levels, math.exp(-self.norm_epsilon)
        exact = norm / self.clip * levels
        level = math.floor(exact)
        level = min(level + int(random.random() < exact - level), levels)
        lies = levels * power / (1.0 + levels * power)
        if random.random() < lies:  # any other level, all alike
            other = int(random.integers(levels))
            level = other + int(other >= level)
        scale = (1.0 + levels * power) / (1.0 - power) * self.clip / levels
        return scale * (level - levels * (levels + 1) * power / (2.0 * (1.0 + levels * power)))

    def _cosine(self, size: int, random: np.random.Generator) -> float:
        """The cosine between u and a vector of the cap, or of the rest, drawn evenly.

        A coordinate t of an even vector has a density proportional to (1 - t^2)^((d - 3) / 2), so
        that t^2 is Beta(1/2, (d - 1)/2). Rejection makes both conditional laws exact.
        """
        gamma, half = self.cap_cosine, (size - 1) / 2.0
        if random.random() < self.miss_probability:
            while True:  # the rest is at least half of the sphere
                cosine = math.sqrt(random.beta(0.5, half)) * (1 - 2 * int(random.integers(2)))
                if cosine < gamma:
                    return cosine
        if gamma * gamma * half < 0.5:  # a wide cap: one draw in seven lies in it, or more
            while True:
                cosine = math.sqrt(random.beta(0.5, half))
                if cosine >= gamma:
                    return cosine
        while True:
            # s = t^2 has the density s^(-1/2) (1 - s)^(half - 1) on [gamma^2, 1]: draw from the
            # second factor by its inverse, accept by the first.
            part = -math.expm1(math.log1p(-random.random()) / half)
            squared = gamma * gamma + (1.0 - gamma * gamma) * part
            if random.random() * math.sqrt(squared) < gamma:
                return math.sqrt(squared)


def _parts(size: int) -> Iterator[slice]:
    """A vector's blocks."""
    return (slice(first, first + BLOCK) for first in range(0, size, BLOCK))


def _first_axis(size: int) -> Vector:
    """The direction of an update without one."""
    axis = np.zeros(size, np.float32)
    axis[0] = 1.0
    return axis
