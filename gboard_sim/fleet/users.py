"""The users of a fleet as columns: what stays the same of their habits from day to day.

Clock times are whole ticks of 1/1024 s, shares are whole parts of 2^24, and normal and lognormal
draws are picked from 16,384 equally likely quantiles: a draw is a look-up of 14 bits of a hash, the
same on every machine, and cheap enough for a million phones.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from gboard_sim import seeds
from gboard_sim.fleet.availability import Availability
from gboard_sim.fleet.population import Population
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.units import DAY_S, HOUR_S

TICKS_PER_H = 3600 * 1024
DAY_BEGINS_H = 15.0
"""Local hour at which a person's day begins: few phones charge then, so few windows are cut
(assumed)."""
SLOTS = 4
"""Spells of a kind before bedtime, and as many after waking (assumed)."""
RANK_BITS = 14
SHARE_BITS = 24
NO_WIFI, HOME_WIFI, WORK_WIFI, BOTH_WIFI = range(4)

Words = npt.NDArray[np.uint64]
Small = npt.NDArray[np.int32]


def ranks(words: Words) -> Ints:
    """14 bits of each word: which quantile."""
    return ((words >> np.uint64(SHARE_BITS)) & np.uint64((1 << RANK_BITS) - 1)).view(np.int64)


def more_ranks(words: Words) -> Ints:
    """14 other bits of each word."""
    return (words >> np.uint64(64 - RANK_BITS)).view(np.int64)


def shares(words: Words) -> Ints:
    """24 bits of each word, not those of `ranks` and `more_ranks`: a uniform draw below 2^24."""
    return (words & np.uint64((1 << SHARE_BITS) - 1)).view(np.int64)


def threshold(share: float | Floats) -> Ints:
    """Below what `shares` must lie with that probability."""
    parts = np.round(np.clip(share, 0.0, 1.0) * (1 << SHARE_BITS))
    return np.asarray(parts).astype(np.int64)


def _quantiles() -> Floats:
    """The middles of 2^14 equally likely slices of the standard normal."""
    count = 1 << RANK_BITS
    return np.array([NormalDist().inv_cdf((rank + 0.5) / count) for rank in range(count)])


def _in_ticks(hours: Floats) -> Ints:
    return np.round(hours * TICKS_PER_H).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Tables:
    """A profile and its draws by rank, in ticks. Each array has shape [2^14].

    Attributes:
        profile: The profile's numbers.
        bedtime: Shift of a bedtime from the user's own.
        sleep: Shift of a night's length from the user's own.
        away: Shift of leaving and of coming home.
        top_up: Length of a charge by day.
        use_spell: Length of a spell of use.
    """

    profile: Availability
    bedtime: Ints
    sleep: Ints
    away: Ints
    top_up: Ints
    use_spell: Ints

    @classmethod
    def of(cls, profile: Availability, normal: Floats) -> "Tables":
        """The tables of a profile, from the quantiles of the standard normal."""

        def spells(median_h: float, sigma: float) -> Ints:
            # Longer than a day is a day: all of it that can count.
            with np.errstate(over="ignore"):
                return _in_ticks(np.minimum(median_h * np.exp(sigma * normal), DAY_S / HOUR_S))

        return cls(
            profile,
            bedtime=_in_ticks(profile.bedtime_within_sd_h * normal),
            sleep=_in_ticks(profile.sleep_within_sd_h * normal),
            away=_in_ticks(profile.away_within_sd_h * normal),
            top_up=spells(profile.top_up_median_h, profile.top_up_sigma),
            use_spell=spells(profile.use_spell_median_h, profile.use_spell_sigma),
        )


@dataclass(frozen=True, slots=True)
class Users:
    """Users whose phones can be eligible at all, by phone. Every column has shape [n].

    Attributes:
        tables: The profiles.
        phone: Their phones.
        profile: Which of the profiles.
        bedtime: The user's own, in ticks since 15:00.
        sleep: Usual length of the night, in ticks.
        night_charge: Threshold of charging through a night.
        top_up: Threshold of a charge in one slot of the day.
        wifi: Where there is unmetered Wi-Fi: `HOME_WIFI`, `WORK_WIFI` or `BOTH_WIFI`.
    """

    tables: tuple[Tables, ...]
    phone: Small
    profile: npt.NDArray[np.int8]
    bedtime: Small
    sleep: Small
    night_charge: Small
    top_up: Small
    wifi: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.phone)

    def part(self, rows: slice | Ints) -> "Users":
        """Some of them."""
        return Users(
            self.tables,
            self.phone[rows],
            self.profile[rows],
            self.bedtime[rows],
            self.sleep[rows],
            self.night_charge[rows],
            self.top_up[rows],
            self.wifi[rows],
        )


def draw_users(population: Population, phones: Ints, seed: int) -> Users:
    """The users of some phones, without those who can never take part.

    Args:
        population: The fleet.
        phones: Which of its phones, in order. Shape [n].
        seed: Keys the draws; user p is the same in a fleet of any size.
    """
    normal = _quantiles()
    profiles = population.mix.profiles
    profile = population.profile[phones].astype(np.int8)

    def number(key: str) -> Floats:
        return np.array([getattr(each, key) for each in profiles])[profile]

    key = seeds.bits(seed, "user", phones)
    nights, charges, places, never = seeds.sequence(key, 4)
    bedtime_h = number("bedtime_h") + number("bedtime_between_sd_h") * normal[ranks(nights)]
    sleep_h = number("sleep_h") + number("sleep_between_sd_h") * normal[more_ranks(nights)]
    share = number("night_charge_share") + (
        number("night_charge_between_sd") * normal[ranks(charges)]
    )
    sigma = number("top_ups_sigma")
    rate = number("top_ups_per_day") * np.exp(sigma * normal[more_ranks(charges)] - sigma**2 / 2)
    at_home = shares(places) < threshold(number("home_wifi_share"))
    at_work = (places >> np.uint64(64 - SHARE_BITS)).view(np.int64) < threshold(
        number("work_wifi_share")
    )
    wifi = (HOME_WIFI * at_home + WORK_WIFI * at_work).astype(np.int8)
    able = (wifi != NO_WIFI) & (shares(never) >= threshold(number("never_share")))
    return Users(
        tuple(Tables.of(each, normal) for each in profiles),
        phones.astype(np.int32),
        profile,
        _in_ticks(bedtime_h - DAY_BEGINS_H).astype(np.int32),
        _in_ticks(sleep_h).astype(np.int32),
        threshold(share).astype(np.int32),
        threshold(rate / (2 * SLOTS)).astype(np.int32),
        wifi,
    ).part(np.flatnonzero(able))
