"""When each message reaches its phone, in seconds since the experiment's start.

Messages come grouped by phone, each phone's in order; arrival never changes that order. A phone's
clock shows simulated time plus its offset, so simulated time 0 is midnight where the offset is 0.
"""

import numpy as np

from gboard_sim import seeds
from gboard_sim.errors import CorpusError
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.units import DAY_S, HOUR_S

_SWING = 0.9
"""Typing follows `1 + 0.9 cos(2 pi (h - peak) / 24)` over the local hours h. Assumed: people
type 19 times as much at their peak as at their trough, when they sleep."""

_PEAK_H = 16.0
"""Local hour of most typing: opposite the night hours in which phones are idle and charging
(Bonawitz et al., MLSys 2019, section 9). Assumed."""

_PEAK_SPREAD_H = 2.0
"""Standard deviation of the peak between people. Assumed."""

_PRIOR_MESSAGES = 5.0
"""Messages that the common habit counts for against a user's own recorded hours. Assumed."""


def at_start(first: Ints) -> Floats:
    """Every message is on its phone when the experiment starts. Shape [messages]."""
    return np.zeros(first[-1])


def recorded(first: Ints, recorded_s: Floats, source: str) -> Floats:
    """Messages arrive when they were typed; the experiment starts at the earliest of them.

    Args:
        first: Phone `p` owns messages `first[p]:first[p + 1]`. Shape [phones + 1].
        recorded_s: When each was typed, in seconds since 1970. Shape [messages].
        source: The corpus, for the error.

    Raises:
        CorpusError: A message has no time.
    """
    missing = np.isnan(recorded_s)
    if missing.any():
        owners = np.unique(np.searchsorted(first, np.flatnonzero(missing), side="right"))
        raise CorpusError(
            f'{source}: text.arrival="recorded", but {missing.sum()} of {len(missing)} messages '
            f"of the fleet, from {len(owners)} users, have no time; allowed: `recorded` where "
            'every message has one; hint: `text.arrival = "compressed"`'
        )
    start_s: float = recorded_s.min(initial=np.inf)
    return recorded_s - start_s


def habit(
    first: Ints,
    *,
    days: float,
    history_days: float,
    offset_s: Floats,
    seed: int,
) -> Floats:
    """Messages arrive as a Poisson process whose rate follows the phone's daily habit.

    Given their number, the points of a Poisson process are independent draws from its rate, so
    every message draws its moment and a phone's moments are sorted.

    Args:
        first: Phone `p` owns messages `first[p]:first[p + 1]`. Shape [phones + 1].
        days: Length of the experiment. Where it is no whole number, the messages of the rest of
            its last day come after its end.
        history_days: Days before it, rounded up, over which messages were typed too; those are on
            the phone at time 0, and their age counts from there.
        offset_s: What each phone's clock shows at simulated time 0. Shape [phones].
        seed: The experiment's seed; draws are keyed by phone and message.
    """
    owner, nth = _owners(first)
    hour = _common_hour(owner, nth, seed)
    return _settle(
        hour, owner, nth, days=days, history_days=history_days, offset_s=offset_s, seed=seed
    )


def compressed(
    first: Ints,
    recorded_s: Floats,
    *,
    days: float,
    history_days: float,
    offset_s: Floats,
    seed: int,
) -> Floats:
    """A user's messages in their order, moved onto the run's days by that user's habit of hours.

    Real chat logs span years and most of their users typed on one day, so recorded times alone
    would starve a run. Here every message draws a day evenly, and an hour: that of one of the
    user's own messages, or, for users who left few or no times, that of the common habit. That
    the hours on record are the phone's local hours is assumed.

    Args:
        first: Phone `p` owns messages `first[p]:first[p + 1]`. Shape [phones + 1].
        recorded_s: When each was typed, in seconds since 1970; NaN where unknown, which in a
            user's messages stand last. Shape [messages].
        days: See `habit`.
        history_days: See `habit`.
        offset_s: See `habit`.
        seed: See `habit`.
    """
    owner, nth = _owners(first)
    timed = np.bincount(owner[~np.isnan(recorded_s)], minlength=len(first) - 1)
    draw = seeds.uniforms(seed, "arrival/own hour", owner, nth)
    # One draw does two things: below the own share it also names the message whose hour it is.
    index = np.floor(draw * (timed + _PRIOR_MESSAGES)[owner]).astype(np.int64)
    own = index < timed[owner]
    other = recorded_s[np.where(own, first[:-1][owner] + index, 0)]
    within = seeds.uniforms(seed, "arrival/within the hour", owner, nth)
    own_hour = np.floor(np.where(own, other, 0.0) % DAY_S / HOUR_S) + within
    hour = np.where(own, own_hour, _common_hour(owner, nth, seed))
    return _settle(
        hour, owner, nth, days=days, history_days=history_days, offset_s=offset_s, seed=seed
    )


def _owners(first: Ints) -> tuple[Ints, Ints]:
    """The phone of each message and the phone's own count of messages before it."""
    owner = np.repeat(np.arange(len(first) - 1), np.diff(first))
    return owner, np.arange(first[-1]) - first[:-1][owner]


def _common_hour(owner: Ints, nth: Ints, seed: int) -> Floats:
    """A local hour for each message by the common habit, its peak shifted for each phone."""
    since_peak_h = np.linspace(-12.0, 12.0, 24 * 12 + 1)
    turn = 2.0 * np.pi / 24.0
    share = 0.5 + (since_peak_h + _SWING * np.sin(turn * since_peak_h) / turn) / 24.0
    drawn = np.interp(seeds.uniforms(seed, "arrival/hour", owner, nth), share, since_peak_h)
    peak = _PEAK_H + _PEAK_SPREAD_H * seeds.normals(seed, "arrival/peak", owner)
    return np.mod(peak + drawn, 24.0)


def _settle(
    local_h: Floats,
    owner: Ints,
    nth: Ints,
    *,
    days: float,
    history_days: float,
    offset_s: Floats,
    seed: int,
) -> Floats:
    """Local hours, each on a day evenly drawn, as simulated time sorted within each phone."""
    before, after = np.ceil(history_days), np.ceil(days)
    day = np.floor(seeds.uniforms(seed, "arrival/day", owner, nth) * (before + after))
    local_s = day * DAY_S + local_h * HOUR_S
    # Whole days go round, so that what the offset pushes over one end comes in at the other at
    # the same hour.
    at_s = np.mod(local_s - offset_s[owner], (before + after) * DAY_S) - before * DAY_S
    arrived_s: Floats = np.maximum(at_s[np.lexsort((at_s, owner))], 0.0)
    return arrived_s
