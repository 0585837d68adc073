"""What a phone may spend on a day and in a month: megabytes and joules, enforced at selection."""

from dataclasses import dataclass

import numpy as np

from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.units import BYTES_PER_MB, DAY_S

MONTH_DAYS = 30.0
"""A month of the run, counted from its start (assumed: billing months differ)."""


@dataclass(frozen=True, slots=True)
class AllowanceRules:
    """Limits for each phone, in its own days and in months of the run; None is no limit.

    Attributes:
        mb_per_day: Megabytes, both ways together.
        mb_per_month: The same in thirty days.
        j_per_day: Joules above idle, the central estimate.
        j_per_month: The same in thirty days.
    """

    mb_per_day: float | None = None
    mb_per_month: float | None = None
    j_per_day: float | None = None
    j_per_month: float | None = None


class Allowance:
    """What each phone has spent in its current day and month.

    A phone is turned away once what it has spent, and what its last session took, no longer fit
    together into its limit: the server knows that much before it asks. A session that costs more
    than the one before may pass the limit once.

    Args:
        rules: The limits.
        phones: How many phones.
        utc_offset_s: Of each phone: its day begins at its own midnight. Shape [phones].
    """

    def __init__(self, rules: AllowanceRules, phones: int, utc_offset_s: Floats) -> None:
        month_s, no_offset_s = MONTH_DAYS * DAY_S, np.zeros_like(utc_offset_s)
        self._limits = [
            _Limit(limit, period_s, offset_s, kind)
            for limit, period_s, offset_s, kind in (
                (rules.mb_per_day, DAY_S, utc_offset_s, "bytes"),
                (rules.mb_per_month, month_s, no_offset_s, "bytes"),
                (rules.j_per_day, DAY_S, utc_offset_s, "joules"),
                (rules.j_per_month, month_s, no_offset_s, "joules"),
            )
            if limit is not None
        ]

    def suffices(self, phone: Ints, at_s: Floats) -> Flags:
        """Whether a session like its last fits into what each phone has left. Shape [n]."""
        fine = np.ones(len(phone), dtype=bool)
        for limit in self._limits:
            fine &= limit.suffices(phone, limit.period(phone, at_s))
        return fine

    def renewed_s(self, phone: Ints, at_s: Floats) -> Floats:
        """When each phone may spend again: now, or when the period begins that it waits for."""
        again_s = at_s.copy()
        for limit in self._limits:
            period = limit.period(phone, at_s)
            next_s = np.maximum(again_s, limit.begins_s(phone, period + 1))
            again_s = np.where(limit.suffices(phone, period), again_s, next_s)
        return again_s

    def spend(self, phone: Ints, at_s: Floats, moved_bytes: Ints, joules: Floats) -> None:
        """Books sessions of distinct phones to the periods in which they began. Shape [n] each."""
        for limit in self._limits:
            amount = moved_bytes / BYTES_PER_MB if limit.kind == "bytes" else joules
            limit.spend(phone, limit.period(phone, at_s), amount)


class _Limit:
    """One limit: what each phone spent in the period that it last spent in."""

    def __init__(self, limit: float, period_s: float, offset_s: Floats, kind: str) -> None:
        phones = len(offset_s)
        self.kind = kind
        self._limit = limit
        self._period_s = period_s
        self._offset_s = offset_s
        self._spent = np.zeros(phones)
        self._last = np.zeros(phones)
        self._period = np.zeros(phones, dtype=np.int64)

    def period(self, phone: Ints, at_s: Floats) -> Ints:
        """Number of the period of each phone in which each time falls. Shape [n]."""
        local_s = at_s + self._offset_s[phone]
        number: Ints = np.floor(local_s / self._period_s).astype(np.int64)
        return number

    def begins_s(self, phone: Ints, period: Ints) -> Floats:
        """When each phone's period begins. Shape [n]."""
        starts_s: Floats = period * self._period_s - self._offset_s[phone]
        return starts_s

    def suffices(self, phone: Ints, period: Ints) -> Flags:
        """Whether the last session's amount still fits. Shape [n]."""
        spent = np.where(self._period[phone] == period, self._spent[phone], 0.0)
        # A phone whose last session alone is over the limit gets one session in each period.
        fine: Flags = (spent + self._last[phone] <= self._limit) | (spent == 0.0)
        return fine

    def spend(self, phone: Ints, period: Ints, amount: Floats) -> None:
        """Adds an amount. Shape [n] each."""
        fresh = self._period[phone] != period
        self._spent[phone] = np.where(fresh, 0.0, self._spent[phone]) + amount
        self._period[phone] = period
        self._last[phone] = amount
