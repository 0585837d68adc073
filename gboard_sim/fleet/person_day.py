"""One day of some users as signals: on the charger, in use, on Wi-Fi, each as starts and ends.

A person's day runs from 15:00 local to 15:00, so that a night is whole; signals are cut there. All
is drawn from one hash of the seed, the phone and the date, and one of the date before.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.users import (
    DAY_BEGINS_H,
    HOME_WIFI,
    SLOTS,
    TICKS_PER_H,
    WORK_WIFI,
    Small,
    Tables,
    Users,
    Words,
    more_ranks,
    ranks,
    shares,
    threshold,
)
from gboard_sim.seam.records import Flags, Ints

DAY_TICKS = 24 * TICKS_PER_H
_INTO_BITS = 26  # of where in its slot a spell begins: finer than a tick
_WEEKEND = (5, 6)  # Saturday and Sunday, Monday being 0
# The words of a day's hash: four for single draws, then eight slots of each kind of spell.
_NIGHT, _WAKING, _AWAY, _TOP_UPS = 0, 1, 2, 3
_USES = _TOP_UPS + 2 * SLOTS
_SPELLS = 2 + 2 * SLOTS  # those of the slots, one left over from the day before, one of the night


@dataclass(frozen=True, slots=True)
class Signals:
    """What the phones of some users do in a day, in whole ticks since 15:00 local.

    Spells stand in the order of their starts, and may overlap; one that ends as it starts is none.
    Every time is between 0 and `DAY_TICKS`.

    Attributes:
        charging: Starts and ends of charging. Shape [2, spells, n].
        use: Starts and ends of use. Shape [2, spells, n].
        unmetered: Starts and ends of the times on unmetered Wi-Fi, one or two. Shape [2, 2, n].
    """

    charging: Ints
    use: Ints
    unmetered: Ints


def is_weekend(date: int, first_weekday: int) -> bool:
    """Whether a local date is a Saturday or a Sunday, by the weekday of date 0 (Monday is 0)."""
    return (first_weekday + date) % 7 in _WEEKEND


def live(users: Users, day: int, *, seed: int, first_weekday: int) -> Signals:
    """The person's day that begins on a date, of users with one profile.

    Args:
        users: Users with the same profile. Columns of shape [n].
        day: The date.
        seed: Keys the draws.
        first_weekday: Weekday of date 0, Monday being 0.
    """
    tables = users.tables[int(users.profile[0])]
    before, now = (seeds.bits(seed, "person's day", date, users.phone) for date in (day - 1, day))
    weekend = [is_weekend(date, first_weekday) for date in (day, day + 1)]
    _, woke = _night(users, tables, seeds.sequence(before, 1, _NIGHT)[0], weekend[0])
    night, waking = seeds.sequence(now, 2, _NIGHT)
    bed, wake = _night(users, tables, night, weekend[1])

    charging = _spells(before, now, (bed, wake, woke), _TOP_UPS, tables.top_up, users.top_up)
    charging[:, SLOTS + 1] = bed, np.where(shares(night) < users.night_charge, wake, bed)
    use = _spells(before, now, (bed, wake, woke), _USES, tables.use_spell, None)
    up = bed + ((wake - bed) * _into(waking) >> _INTO_BITS)
    woken = shares(waking) < threshold(tables.profile.night_wake_share)
    length = round(tables.profile.night_wake_h * TICKS_PER_H)
    use[:, SLOTS + 1] = up, np.minimum(up + length * woken, DAY_TICKS)
    return Signals(charging, use, _unmetered(users, tables, before, now, weekend))


def _into(words: Words) -> Ints:
    """26 bits of each word, not those of `ranks` and `shares`."""
    return (words >> np.uint64(64 - _INTO_BITS)).view(np.int64)


def _night(users: Users, tables: Tables, word: Words, weekend: bool) -> tuple[Ints, Ints]:
    """Bedtime and waking; `weekend` tells of the morning."""
    profile = tables.profile
    later, longer = 0.0, 0.0
    if weekend:
        later = profile.weekend_bedtime_shift_h
        longer = profile.weekend_waking_shift_h - later
    bed = users.bedtime + tables.bedtime.take(more_ranks(word)) + round(later * TICKS_PER_H)
    bed = np.clip(bed, TICKS_PER_H, 22 * TICKS_PER_H)
    sleep = users.sleep + tables.sleep.take(ranks(word)) + round(longer * TICKS_PER_H)
    wake = np.minimum(bed + np.maximum(sleep, 0), 23 * TICKS_PER_H)
    return bed, wake


def _spells(
    before: Words,
    now: Words,
    hours: tuple[Ints, Ints, Ints],
    first: int,
    lengths: Ints,
    share: Small | None,
) -> Ints:
    """At most one spell in each slot of the waking hours, and what is left of yesterday's.

    Args:
        before: Yesterday's hashes. Shape [n].
        now: Today's. Shape [n].
        hours: Bedtime, waking, and yesterday's waking. Shape [n] each.
        first: The first word for spells of this kind.
        lengths: Their lengths by rank.
        share: Threshold of a spell in a slot, None where there always is one. Shape [n].

    Returns:
        Starts and ends; the row after the evening's slots is left to the caller.
        Shape [2, spells, n].
    """
    bed, wake, woke = hours
    words = seeds.sequence(now, 2 * SLOTS, first)
    found = np.empty((2, _SPELLS, len(bed)), dtype=np.int64)
    for row, part, low, length in (
        (1, words[:SLOTS], 0, bed),
        (2 + SLOTS, words[SLOTS:], wake, DAY_TICKS - wake),
    ):
        start, end = _drawn(part, low, length, lengths, share)
        found[0, row : row + SLOTS] = start
        np.minimum(end, DAY_TICKS, out=found[1, row : row + SLOTS])
    yesterday = seeds.sequence(before, SLOTS, first + SLOTS)
    _, end = _drawn(yesterday, woke, DAY_TICKS - woke, lengths, share)
    found[0, 0] = 0
    np.clip(end.max(axis=0) - DAY_TICKS, 0, DAY_TICKS, out=found[1, 0])
    return found


def _drawn(
    words: Words, low: Ints | int, length: Ints, lengths: Ints, share: Small | None
) -> tuple[Ints, Ints]:
    """A spell in each slot of a part of the day. Shape [slots, n] each."""
    start = _into(words)
    start += (np.arange(SLOTS) << _INTO_BITS)[:, None]
    start *= length // SLOTS
    start >>= _INTO_BITS
    start += low
    taken = lengths.take(ranks(words))
    if share is not None:
        taken *= shares(words) < share
    taken += start
    return start, taken


def _unmetered(
    users: Users, tables: Tables, before: Words, now: Words, weekend: list[bool]
) -> Ints:
    """On Wi-Fi: at home, and by day where the user has it there too. Shape [2, 2, n].

    The evening belongs to the date on which the day begins, the morning to the next.
    """
    profile = tables.profile
    away = [profile.weekend_away_share if rest else profile.away_day_share for rest in weekend]
    leave_h = profile.weekend_leave_h if weekend[1] else profile.leave_h
    word = seeds.sequence(before, 1, _AWAY)[0]
    at = round((profile.return_h - DAY_BEGINS_H) * TICKS_PER_H) + tables.away.take(more_ranks(word))
    home = np.clip(at, 0, DAY_TICKS - 1) * (shares(word) < threshold(away[0]))
    word = seeds.sequence(now, 1, _AWAY)[0]
    at = round((leave_h + 24.0 - DAY_BEGINS_H) * TICKS_PER_H) + tables.away.take(ranks(word))
    gone: Flags = shares(word) < threshold(away[1])
    # Whoever leaves before coming home is at home for a tick, so that the two times stay apart.
    leave = np.maximum(np.where(gone, np.minimum(at, DAY_TICKS), DAY_TICKS), home + 1)
    only_home, only_work = users.wifi == HOME_WIFI, users.wifi == WORK_WIFI
    return np.array(
        [
            [home * only_home, np.where(only_work, leave, DAY_TICKS)],
            [
                np.where(only_home, leave, np.where(only_work, home, DAY_TICKS)),
                np.full(len(home), DAY_TICKS),
            ],
        ]
    )
