"""What sessions meet: the rate of a phone's link in every hour, and what breaks.

Rates belong to the world and are keyed by phone and hour; what breaks belongs to the session and is
keyed by phone, the phone's own count of sessions, phase and attempt.
"""

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.population import Population
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.units import HOUR_S

DOWNLOAD, TRAIN, UPLOAD = range(3)
"""The phases of a session, in their order."""


class Conditions:
    """The conditions that the phones of a population meet.

    Args:
        population: The phones.
        seed: Keys what is random.
        corruption: Probability that a payload which arrived is damaged.

    Attributes:
        population: The phones.
    """

    def __init__(self, population: Population, seed: int, corruption: float = 0.0) -> None:
        self.population = population
        self._seed = seed
        self._corruption = corruption

    def rate(self, phase: int, phone: Ints, at_s: Floats) -> tuple[Floats, Floats]:
        """How fast links are, and until when.

        In each hour a phone's rate is its mean rate times a lognormal factor of mean one. One draw
        moves both directions, each by its own sigma: what slows one slows the other (assumed).

        Args:
            phase: DOWNLOAD or UPLOAD.
            phone: Phones. Shape [n].
            at_s: A time for each. Shape [n].

        Returns:
            Bytes per second on the wire, and the time up to which that holds: the hour's end, or
            infinity for a link that never varies. Shape [n] each.
        """
        population = self.population
        if phase == DOWNLOAD:
            mean, sigma = population.down_bytes_per_s[phone], population.down_hourly_sigma[phone]
        else:
            mean, sigma = population.up_bytes_per_s[phone], population.up_hourly_sigma[phone]
        varies = sigma > 0.0
        if not varies.any():
            return mean, np.full(len(phone), np.inf)
        hour = np.floor(at_s / HOUR_S)
        normal = seeds.normals(self._seed, "link/hour", phone, hour.astype(np.int64))
        until_s = np.where(varies, (hour + 1.0) * HOUR_S, np.inf)
        return mean * np.exp(sigma * normal - 0.5 * sigma**2), until_s

    def breaks(self, phase: int, phone: Ints, count: Ints, attempt: int) -> tuple[Flags, Floats]:
        """What goes wrong in one attempt at a phase.

        Args:
            phase: The phase.
            phone: Phones. Shape [n].
            count: Sessions that each phone had before. Shape [n].
            attempt: Attempts at this phase before this one; training has only one.

        Returns:
            Whether it breaks, and after which part of its bytes or its training. Shape [n] each.
        """
        odds = self.population.crash_share if phase == TRAIN else self.population.failure_share
        draw = phase + 3 * attempt
        broken = seeds.uniforms(self._seed, "failure", phone, count, draw) < odds[phone]
        return broken, seeds.uniforms(self._seed, "failure/when", phone, count, draw)

    def corrupts(self, phone: Ints, count: Ints) -> Flags:
        """Whether each payload, if it arrives, fails its checksum. Shape [n].

        Args:
            phone: Phones. Shape [n].
            count: Sessions that each phone had before. Shape [n].
        """
        if not self._corruption:
            return np.zeros(len(phone), dtype=bool)
        return seeds.uniforms(self._seed, "corruption", phone, count) < self._corruption
