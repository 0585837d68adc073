"""What sessions come to: seconds, bytes and joules of every phase, and the shape of each."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from gboard_sim.fleet.asked import Asked
from gboard_sim.fleet.conditions import DOWNLOAD, TRAIN, UPLOAD, Conditions
from gboard_sim.fleet.course import Course
from gboard_sim.fleet.solo_sessions import NextWindow, SoloSessions
from gboard_sim.runlog.purposes import CORRUPT
from gboard_sim.seam.records import Flags, Floats, Ints

__all__ = ["DOWNLOAD", "TRAIN", "UPLOAD", "NextWindow", "Priced", "price", "price_of", "shapes"]

_DONE, _ARRIVED, _INTERRUPTED, _ERROR, _USED, _CORRUPT = range(6)
_ENDINGS = ("", "#", "!", "*", "^", CORRUPT)
_CENTRAL = 1  # of low, central and high

_ROUNDING = 1e-6
"""Of a byte or a token: what floating point takes away does not undo a whole one."""


@dataclass(frozen=True, slots=True)
class Priced:
    """Sessions that have a price; the last axis counts sessions.

    Attributes:
        began_s: Start of each phase; where it was not reached, the end of what came before it, so
            that `began_s[UPLOAD]` is the end of a completed stint. Shape [3, n].
        spent_s: Seconds in each phase, pauses left out. Shape [3, n].
        reached: Whether each phase was begun. Shape [3, n].
        downloaded: Whether a download was completed. Shape [n].
        trained: Whether training was completed. Shape [n].
        arrived: Whether the upload was completed and passed its checksum. Shape [n].
        ended_s: End of the session. Shape [n].
        window_end_s: End of the window in which it ended: a later one than the first only after a
            pause. Shape [n].
        paused_s: Seconds between windows while the session was paused. Shape [n].
        pauses: Interruptions after which it went on, by phase. Shape [3, n].
        download_bytes: Bytes on the wire to the phone, retransmissions included. Shape [n].
        upload_bytes: Bytes on the wire from the phone, retransmissions included. Shape [n].
        tokens: Tokens computed on. Shape [n].
        phase_j: Joules of each phase, central estimate. Shape [3, n].
        energy_j: Low, central and high estimate of all phases. Shape [3, n].
        paused_s: Seconds between windows in which the session stood still. Shape [n].
        phase_j: Central estimate of each phase. Shape [3, n].
        ending: How it ended, for `shapes`. Shape [n].
    """

    began_s: Floats
    spent_s: Floats
    reached: Flags
    downloaded: Flags
    trained: Flags
    arrived: Flags
    ended_s: Floats
    window_end_s: Floats
    paused_s: Floats
    pauses: Ints
    download_bytes: Ints
    upload_bytes: Ints
    tokens: Ints
    energy_j: Floats
    phase_j: Floats
    ending: Ints

    @classmethod
    def of(cls, rows: Sequence["Priced"]) -> "Priced":
        """Sessions priced apart, at least one, as one table in their order."""
        columns = ([getattr(row, field.name) for row in rows] for field in fields(cls))
        return cls(*(np.concatenate(column, axis=-1) for column in columns))

    def take(self, rows: Ints) -> "Priced":
        """Some of the sessions, in the order of `rows`."""
        return Priced(*(getattr(self, field.name)[..., rows] for field in fields(Priced)))


def price(asked: Asked, conditions: Conditions, next_window: NextWindow | None = None) -> Priced:
    """Prices sessions whose links are their own.

    A phase follows the one before it at once. A session ends with its last phase; with an error in
    training, or in a transfer that has no attempt left; with its window; or when the server gives
    up on it; whichever is first. What falls on the instant of a window's end still counts.

    Args:
        asked: The sessions.
        conditions: What they meet.
        next_window: Where to look for the window in which an interrupted session goes on; None
            lets it end.
    """
    return price_of(SoloSessions(asked, conditions, next_window).run(), asked, conditions)


def price_of(course: Course, asked: Asked, conditions: Conditions) -> Priced:
    """The price of sessions that have come to their ends."""
    complete = course.complete
    # The radio rests between two attempts at a transfer (assumed).
    active_s = course.spent_s - course.waited_s
    power_w = conditions.population.power_w[:, :, asked.phone]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(course.train_s > 0.0, course.spent_s[TRAIN] / course.train_s, 0.0)
    corrupt = complete[UPLOAD] & conditions.corrupts(asked.phone, asked.count)
    ending = np.where(complete[UPLOAD], np.where(corrupt, _CORRUPT, _ARRIVED), _DONE)
    ending = np.where(course.cut, _INTERRUPTED, np.where(course.failed, _ERROR, ending))
    return Priced(
        began_s=course.began_s,
        spent_s=course.spent_s,
        reached=course.reached,
        downloaded=complete[DOWNLOAD],
        trained=complete[TRAIN],
        arrived=complete[UPLOAD] & ~corrupt,
        ended_s=course.now_s,
        window_end_s=course.window_end_s,
        paused_s=course.paused_s,
        pauses=course.pauses,
        download_bytes=_count(course.moved[DOWNLOAD]),
        upload_bytes=_count(course.moved[UPLOAD]),
        tokens=np.where(complete[TRAIN], course.tokens, _count(part * course.tokens)),
        energy_j=(power_w * active_s[:, None, :]).sum(axis=0),
        phase_j=power_w[:, _CENTRAL] * active_s,
        ending=ending,
    )


def _count(amount: Floats) -> Ints:
    """Whole bytes or tokens."""
    counted: Ints = np.floor(amount + _ROUNDING).astype(np.int64)
    return counted


def _shape_table() -> npt.NDArray[np.str_]:
    """Every shape by checked-in, phases reached, trained, and ending (used uploads last)."""
    table = np.empty((2, 2, 2, 2, 2, len(_ENDINGS)), dtype="<U8")
    for index in np.ndindex(*table.shape):
        checked_in, downloaded, training, trained, uploading, ending = index
        table[index] = (
            "-" * checked_in
            + "v" * downloaded
            + "[" * training
            + "]" * trained
            + "+" * uploading
            + _ENDINGS[ending]
        )
    return table


_SHAPES = _shape_table()


def shapes(priced: Priced, checked_in: bool, used: Flags) -> npt.NDArray[np.str_]:
    """The shape of each session, with a `!` for every pause where it happened. Shape [n].

    Args:
        priced: The sessions.
        checked_in: Whether they began with a check-in.
        used: Whose uploads the server used. Shape [n].
    """
    ending = np.where(used, _USED, priced.ending)
    found: npt.NDArray[np.str_] = _SHAPES[
        int(checked_in),
        priced.reached[DOWNLOAD].astype(int),
        priced.reached[TRAIN].astype(int),
        priced.trained.astype(int),
        priced.reached[UPLOAD].astype(int),
        ending,
    ]
    rows = np.flatnonzero(priced.pauses.any(axis=0))
    if not len(rows):
        return found
    longest = found.dtype.itemsize // 4 + int(priced.pauses.sum(axis=0).max())
    found = found.astype(f"<U{longest}")
    for row in rows:
        shape = str(found[row])
        for phase, mark in ((DOWNLOAD, "v"), (TRAIN, "["), (UPLOAD, "+")):
            shape = shape.replace(mark, mark + "!" * int(priced.pauses[phase, row]))
        found[row] = shape
    return found
