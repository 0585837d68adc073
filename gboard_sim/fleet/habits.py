"""Turns habits into eligible windows: the AND of idle, charging and unmetered, a day at a time.

A person's day runs from 15:00 local to 15:00, so that a night is whole; signals are cut there, and
a window that spans 15:00 counts as two. Everything is drawn from the seed, the phone and the
calendar day: any day can be generated alone, in any order, for any part of the fleet.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.availability import Availability
from gboard_sim.fleet.intervals import Intervals, complement, intersect, shorten, ticks, union
from gboard_sim.fleet.population import Population
from gboard_sim.records import Flags, Floats, Ints
from gboard_sim.units import DAY_S, HOUR_S

_DAY_BEGINS_H = 15.0  # few phones charge then, so few windows are cut (assumed)
_SLOTS = 4  # spells of a kind before bedtime, and as many after waking (assumed)
_CHUNK = 65_536  # phones generated together: bounds memory, changes nothing


class HabitWindows:
    """The eligible windows of a fleet that lives by its availability profiles."""

    def __init__(self, population: Population, seed: int) -> None:
        self._seed = seed
        self._population = population
        self._earliest_s = _DAY_BEGINS_H * HOUR_S - float(population.utc_offset_s.max())
        self.first_day = -int(np.ceil((self._earliest_s + DAY_S) / DAY_S))

    def begins_s(self, day: int) -> float:
        """No window of that day or a later one begins before this time."""
        return day * DAY_S + self._earliest_s

    def day(self, day: int) -> Intervals:
        """All windows of one person's day, in seconds since `begins_s(day)`."""
        population = self._population
        parts = [
            self._windows(np.arange(low, min(low + _CHUNK, population.phones)), day)
            for low in range(0, population.phones, _CHUNK)
        ]
        phone = np.concatenate([part.phone for part in parts])
        later_s = population.utc_offset_s.max() - population.utc_offset_s[phone]
        return Intervals(
            phone,
            np.concatenate([part.start_s for part in parts]) + later_s,
            np.concatenate([part.end_s for part in parts]) + later_s,
        )

    def _windows(self, phones: Ints, day: int) -> Intervals:
        """Windows of some phones, in seconds since 15:00 local."""
        habits = _Habits(self._population.mix.profiles, self._population.profile[phones])
        bed_s, wake_s = self._night(habits, phones, day)
        _, woke_s = self._night(habits, phones, day - 1)
        lot = _Lot(habits, phones, day, bed_s, wake_s, woke_s)
        windows = intersect(intersect(self._charging(lot), self._idle(lot)), self._unmetered(lot))
        # A phone whose window was cut at 15:00 has settled long before.
        whole = windows.start_s > 0.0
        windows = shorten(windows, ticks(habits["settle_s"])[windows.phone] * whole)
        return Intervals(windows.phone + phones[0], windows.start_s, windows.end_s)

    def _night(self, habits: "_Habits", phones: Ints, day: int) -> tuple[Floats, Floats]:
        """Bedtime and waking, in seconds since 15:00."""
        bed_h = (
            habits["bedtime_h"]
            + habits["bedtime_between_sd_h"] * seeds.normals(self._seed, "bedtime", phones)
            + habits["bedtime_within_sd_h"] * seeds.normals(self._seed, "bedtime/day", phones, day)
            - _DAY_BEGINS_H
        )
        sleep_h = (
            habits["sleep_h"]
            + habits["sleep_between_sd_h"] * seeds.normals(self._seed, "sleep", phones)
            + habits["sleep_within_sd_h"] * seeds.normals(self._seed, "sleep/day", phones, day)
        )
        bed_h = np.clip(bed_h, 1.0, 22.0)
        wake_h = np.clip(bed_h + np.maximum(sleep_h, 0.0), bed_h, 23.0)
        return ticks(bed_h * HOUR_S), ticks(wake_h * HOUR_S)

    def _charging(self, lot: "_Lot") -> Intervals:
        """On the charger: through the night, and top-ups at random times by day."""
        habits, phones = lot.habits, lot.phones
        share = habits["night_charge_share"] + habits["night_charge_between_sd"] * seeds.normals(
            self._seed, "night charge", phones
        )
        draw = seeds.uniforms(self._seed, "night charge/day", phones, lot.day)
        charging = _Drafts(len(phones))
        charging.add(lot.bed_s, np.where(draw < share, lot.wake_s, lot.bed_s))
        sigma = habits["top_ups_sigma"]
        rate = habits["top_ups_per_day"] * np.exp(
            sigma * seeds.normals(self._seed, "top-ups", phones) - sigma**2 / 2
        )
        self._add_spells(charging, lot, "top_up", rate / (2 * _SLOTS))
        return charging.union()

    def _idle(self, lot: "_Lot") -> Intervals:
        """Untouched: whenever the user neither uses the phone by day nor wakes up to it."""
        habits, phones = lot.habits, lot.phones
        use = _Drafts(len(phones))
        draw = seeds.uniforms(self._seed, "waking", phones, lot.day)
        into = seeds.uniforms(self._seed, "waking/start", phones, lot.day)
        up_s = lot.bed_s + (lot.wake_s - lot.bed_s) * into
        woken_s = np.where(draw < habits["night_wake_share"], habits["night_wake_h"] * HOUR_S, 0.0)
        use.add(up_s, up_s + woken_s)
        self._add_spells(use, lot, "use_spell", np.ones(len(phones)))
        return complement(use.union(), len(phones), DAY_S)

    def _add_spells(self, signal: "_Drafts", lot: "_Lot", kind: str, share: Floats) -> None:
        """Adds at most one spell in each slot of the waking hours, with probability `share`.

        Spells that began on the day before may last beyond 15:00, so its slots are drawn too.
        """
        day, habits = lot.day, lot.habits
        evening_s, morning_s = lot.bed_s / _SLOTS, (DAY_S - lot.wake_s) / _SLOTS
        before_s = (DAY_S - lot.woke_s) / _SLOTS
        for n in range(_SLOTS):
            for of_day, slot, low_s, length_s in (
                (day, n, n * evening_s, evening_s),
                (day, _SLOTS + n, lot.wake_s + n * morning_s, morning_s),
                (day - 1, _SLOTS + n, lot.woke_s - DAY_S + n * before_s, before_s),
            ):
                key = (lot.phones, of_day, slot)
                here = seeds.uniforms(self._seed, kind, *key) < share
                start_s = low_s + length_s * seeds.uniforms(self._seed, kind + "/start", *key)
                normal = seeds.normals(self._seed, kind + "/length", *key)
                spell_h = habits[kind + "_median_h"] * np.exp(habits[kind + "_sigma"] * normal)
                signal.add(start_s, np.where(here, start_s + spell_h * HOUR_S, start_s))

    def _unmetered(self, lot: "_Lot") -> Intervals:
        """On Wi-Fi: at home, and by day where the user has it there too."""
        habits, phones = lot.habits, lot.phones
        at_home = seeds.uniforms(self._seed, "home wifi", phones) < habits["home_wifi_share"]
        at_work = seeds.uniforms(self._seed, "work wifi", phones) < habits["work_wifi_share"]
        # The evening belongs to the calendar day on which it begins, the morning to the next.
        home_s = self._away(lot, lot.day, "return_h", _DAY_BEGINS_H, 0.0)
        leave_s = self._away(lot, lot.day + 1, "leave_h", _DAY_BEGINS_H - 24.0, DAY_S)
        begin_s, end_s = np.zeros(len(phones)), np.full(len(phones), DAY_S)
        drafts = _Drafts(len(phones))
        drafts.add(begin_s, np.where(at_work, home_s, begin_s))
        drafts.add(home_s, np.where(at_home, leave_s, home_s))
        drafts.add(leave_s, np.where(at_work, end_s, leave_s))
        return drafts.union()

    def _away(
        self, lot: "_Lot", calendar_day: int, key: str, begins_h: float, otherwise_s: float
    ) -> Floats:
        """When the user leaves or returns on a calendar day, or `otherwise_s` on a day at home."""
        draw = seeds.uniforms(self._seed, "away", lot.phones, calendar_day)
        normal = seeds.normals(self._seed, key, lot.phones, calendar_day)
        at_h = lot.habits[key] + lot.habits["away_within_sd_h"] * normal
        at_s = np.clip((at_h - begins_h) * HOUR_S, 0.0, DAY_S)
        return np.where(draw < lot.habits["away_day_share"], ticks(at_s), otherwise_s)


@dataclass(frozen=True, slots=True)
class _Lot:
    """Phones whose day is generated together; columns of shape [n], times since 15:00 local.

    Attributes:
        habits: Their profiles' numbers.
        phones: The phones.
        day: The person's day.
        bed_s: Bedtime.
        wake_s: Waking.
        woke_s: Waking on the day before, since that day's 15:00.
    """

    habits: "_Habits"
    phones: Ints
    day: int
    bed_s: Floats
    wake_s: Floats
    woke_s: Floats


class _Habits:
    """A profile's numbers by key, one per phone."""

    def __init__(self, profiles: tuple[Availability, ...], profile: Ints) -> None:
        self._profiles, self._profile = profiles, profile

    def __getitem__(self, key: str) -> Floats:
        values: Any = [getattr(profile, key) for profile in self._profiles]
        return np.array(values)[self._profile]


class _Drafts:
    """Intervals of one signal as they are drawn, at most one per phone in each addition."""

    def __init__(self, phones: int) -> None:
        self._phones = np.arange(phones)
        self._parts: list[tuple[Ints, Floats, Floats]] = []

    def add(self, start_s: Floats, end_s: Floats) -> None:
        """One interval per phone, cut at the ends of the day; empty where it ends as it starts."""
        start_s = np.clip(ticks(start_s), 0.0, DAY_S)
        end_s = np.clip(ticks(end_s), 0.0, DAY_S)
        full: Flags = end_s > start_s
        self._parts.append((self._phones[full], start_s[full], end_s[full]))

    def union(self) -> Intervals:
        """The signal: everything added so far."""
        phone, start_s, end_s = (
            np.concatenate(column) for column in zip(*self._parts, strict=True)
        )
        return union(phone, start_s, end_s)
