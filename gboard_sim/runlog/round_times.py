"""How long rounds took: from the configuration of the first phone used to the close."""

import numpy as np

from gboard_sim.seam.records import Floats, Ints

QUANTILES = (50, 90, 99)
"""Percentiles by which durations are told."""


def durations(used_in: Ints, configured_s: Floats, version: Ints, closed_s: Floats) -> Floats:
    """Seconds that the making of each version took.

    A synchronous round configures all its phones at one moment; a buffer counts from its oldest.

    Args:
        used_in: The version that each session's upload became part of. Shape [sessions].
        configured_s: When each of them was configured. Shape [sessions].
        version: Versions, ascending. Shape [n].
        closed_s: When each was made. Shape [n].

    Returns:
        NaN for a version of which no upload is among the sessions. Shape [n].
    """
    if not len(version):
        return np.zeros(0)
    first = np.full(len(version), np.inf)
    at = np.searchsorted(version, used_in)
    known = (at < len(version)) & (version[np.minimum(at, len(version) - 1)] == used_in)
    np.minimum.at(first, at[known], configured_s[known])
    seconds: Floats = np.where(np.isfinite(first), closed_s - first, np.nan)
    return seconds


def quantiles(seconds: Floats) -> Floats:
    """The `QUANTILES` of durations, linear between neighbours; NaN where none is known."""
    found = seconds[np.isfinite(seconds)]
    if not len(found):
        return np.full(len(QUANTILES), np.nan)
    return np.asarray(np.percentile(found, QUANTILES), dtype=np.float64)
