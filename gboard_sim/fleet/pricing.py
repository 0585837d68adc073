"""Prices sessions as arrays: how long each phase takes, where a session ends, what it costs."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim.records import Flags, Floats, Ints

DOWNLOAD, TRAIN, UPLOAD = range(3)
_DONE, _ARRIVED, _INTERRUPTED, _ERROR, _USED = range(5)


@dataclass(frozen=True, slots=True)
class Draws:
    """What goes wrong in a session: per phase, whether it breaks and how far in.

    Attributes:
        breaks: Shape [3, n].
        fraction: Part of the phase after which it breaks. Shape [3, n].
    """

    breaks: Flags
    fraction: Floats


@dataclass(frozen=True, slots=True)
class Priced:
    """Sessions that have a price; the last axis counts sessions.

    Attributes:
        began_s: Start of each phase, as it would be without trouble. Shape [3, n].
        spent_s: Seconds really spent in each phase. Shape [3, n].
        reached: Whether each phase was begun. Shape [3, n].
        downloaded: Whether a download was completed. Shape [n].
        trained: Whether training was completed. Shape [n].
        arrived: Whether the upload was completed. Shape [n].
        ended_s: End of the session. Shape [n].
        download_bytes: Bytes that reached the phone. Shape [n].
        upload_bytes: Bytes that left the phone. Shape [n].
        tokens: Tokens computed on. Shape [n].
        energy_j: Low, central and high estimate. Shape [3, n].
        ending: How it ended, for `shapes`. Shape [n].
    """

    began_s: Floats
    spent_s: Floats
    reached: Flags
    downloaded: Flags
    trained: Flags
    arrived: Flags
    ended_s: Floats
    download_bytes: Ints
    upload_bytes: Ints
    tokens: Ints
    energy_j: Floats
    ending: Ints


def price(
    *,
    start_s: Floats,
    window_end_s: Floats,
    phases: Flags,
    duration_s: Floats,
    download_bytes: Ints,
    tokens: Ints,
    upload_bytes: Ints,
    power_w: Floats,
    draws: Draws,
) -> Priced:
    """What sessions come to.

    A phase follows the one before it at once. A session ends with its last phase, with the first
    phase that breaks, or with its window, whichever is first; an error counts as an error when it
    falls on the window's end. Bytes and tokens of a phase that was cut short are counted pro rata,
    rounded down.

    Args:
        start_s: When the first phase begins. Shape [n].
        window_end_s: When the phone stops being eligible. Shape [n].
        phases: Which of download, training and upload the session has. Shape [3, n].
        duration_s: How long each phase takes without trouble. Shape [3, n].
        download_bytes: Bytes of the whole download. Shape [n].
        tokens: Tokens of the whole stint. Shape [n].
        upload_bytes: Bytes of the whole payload. Shape [n].
        power_w: Power of each phase, low, central and high. Shape [3, 3, n].
        draws: What goes wrong.
    """
    duration_s = np.where(phases, duration_s, 0.0)
    end_s = start_s + np.cumsum(duration_s, axis=0)
    began_s = np.concatenate([start_s[None], end_s[:-1]])
    breaks_s = np.where(phases & draws.breaks, began_s + draws.fraction * duration_s, np.inf)
    broken_s = breaks_s.min(axis=0)
    failed = (broken_s <= window_end_s) & (broken_s <= end_s[-1])
    interrupted = ~failed & (window_end_s < end_s[-1])
    stop_s = np.where(failed, broken_s, np.where(interrupted, window_end_s, end_s[-1]))
    whole = ~failed & ~interrupted

    spent_s = np.clip(stop_s - began_s, 0.0, duration_s)
    # A phase that breaks at its very first instant was begun all the same.
    reached = phases & (whole | (stop_s > began_s) | (breaks_s == stop_s))
    complete = phases & (whole | (end_s < stop_s) | ((end_s == stop_s) & (breaks_s > stop_s)))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(complete, 1.0, np.where(duration_s > 0, spent_s / duration_s, 0.0))
    ending = np.where(
        failed,
        _ERROR,
        np.where(interrupted, _INTERRUPTED, np.where(phases[UPLOAD], _ARRIVED, _DONE)),
    )
    return Priced(
        began_s=began_s,
        spent_s=spent_s,
        reached=reached,
        downloaded=complete[DOWNLOAD],
        trained=complete[TRAIN],
        arrived=complete[UPLOAD] & whole,
        ended_s=stop_s,
        download_bytes=_share_of(download_bytes, part[DOWNLOAD], phases[DOWNLOAD]),
        upload_bytes=_share_of(upload_bytes, part[UPLOAD], phases[UPLOAD]),
        tokens=_share_of(tokens, part[TRAIN], phases[TRAIN]),
        energy_j=(power_w * spent_s[:, None, :]).sum(axis=0),
        ending=ending,
    )


def _share_of(whole: Ints, part: Floats, present: Flags) -> Ints:
    """A part of a count, rounded down, exact when it is all of it."""
    share: Ints = np.where(part >= 1.0, whole, np.floor(whole * part).astype(np.int64)) * present
    return share


def _shape_table() -> npt.NDArray[np.str_]:
    """Every shape by checked-in, phases reached, trained, and ending (used uploads last)."""
    table = np.empty((2, 2, 2, 2, 2, 5), dtype="<U8")
    for index in np.ndindex(*table.shape):
        checked_in, downloaded, training, trained, uploading, ending = index
        table[index] = (
            "-" * checked_in
            + "v" * downloaded
            + "[" * training
            + "]" * trained
            + "+" * uploading
            + ("", "#", "!", "*", "^")[ending]
        )
    return table


_SHAPES = _shape_table()


def shapes(priced: Priced, checked_in: bool, used: Flags) -> npt.NDArray[np.str_]:
    """The shape of each session. `used` says which uploads the server used. Shape [n]."""
    ending = np.where(used, _USED, priced.ending)
    found: npt.NDArray[np.str_] = _SHAPES[
        int(checked_in),
        priced.reached[DOWNLOAD].astype(int),
        priced.reached[TRAIN].astype(int),
        priced.trained.astype(int),
        priced.reached[UPLOAD].astype(int),
        ending,
    ]
    return found
