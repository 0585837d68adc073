"""The object in `fleet.json`: what the tables of a run do not say of its phones.

| key | meaning |
|---|---|
| `eligible_by_hour` | mean number of eligible phones in each simulated hour |
| `eligible_by_local_hour` | the same by the hour of the phones' own day |
| `participants_by_hour` | configured sessions by the simulated hour of their check-in |
| `participants_by_local_hour` | their mean number in each hour of the phones' own day |
| `classes`, `phones_by_class` | names of the phone classes, and phones of each |
| `participations` | phones by the number of their uploads that were used |
| `never_eligible_by_class` | phones of each class that were never eligible while the run lasted |
| `secure_aggregation` | its phones, threshold, and the bytes of each round; null without it |
| `first_use_wait_h` | phones by whole hours from first eligibility to the first used upload |
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gboard_sim.claims.distributed import secure_aggregation
from gboard_sim.fleet.fleet_end import FleetEnd
from gboard_sim.runlog import purposes
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.units import HOUR_S
from gboard_sim.world.world import World


def fleet_facts(directory: RunDirectory, made: World, end: FleetEnd) -> dict[str, Any]:
    """The object; hours after the run's end say nothing and are none."""
    population = made.population
    classes = [kind.name for kind in population.mix.classes]
    counts = np.bincount(end.participations)
    columns = ("phone", "task", "shape", "began_s", "used_in")
    sessions = directory.table("sessions", columns)
    local = configured_by_local_hour(sessions, population.utc_offset_s, end.ended_s)
    never = population.phone_class[np.isinf(end.first_eligible_s)]
    waits = np.bincount(first_use_wait_h(sessions, end.first_eligible_s))
    return {
        "eligible_by_hour": _rounded(end.eligible_by_hour),
        "eligible_by_local_hour": _rounded(end.eligible_by_local_hour),
        "participants_by_hour": [int(value) for value in end.participants_by_hour],
        "participants_by_local_hour": _rounded(local),
        "classes": classes,
        "phones_by_class": np.bincount(population.phone_class, minlength=len(classes)).tolist(),
        "participations": {str(n): int(count) for n, count in enumerate(counts) if count},
        "never_eligible_by_class": np.bincount(never, minlength=len(classes)).tolist(),
        "secure_aggregation": secure_aggregation(made.experiment, made.parameters),
        "first_use_wait_h": {str(h): int(n) for h, n in enumerate(waits) if n},
    }


def configured_by_local_hour(sessions: pa.Table, utc_offset_s: Floats, ended_s: float) -> Floats:
    """Mean number of sessions configured in an hour of the phones' own day, by check-in.

    As if all phones lived in one time zone, so that whole days and their parts compare.

    Args:
        sessions: With the columns `phone`, `task`, `shape` and `began_s`.
        utc_offset_s: Of each phone. Shape [phones].
        ended_s: When the run ended.

    Returns:
        Shape [24].
    """
    mask = purposes.by_row(sessions["task"], sessions["shape"], purposes.configured)
    phone, began_s = (sessions[name].to_numpy()[mask] for name in ("phone", "began_s"))
    local = (began_s + utc_offset_s[phone]) // HOUR_S % 24
    begun = np.bincount(local.astype(np.int64), minlength=24)
    lived_h = np.zeros(24)
    for offset_s, phones in zip(*np.unique(utc_offset_s, return_counts=True), strict=True):
        edges_h = np.arange(np.floor(offset_s / HOUR_S), (offset_s + ended_s) / HOUR_S + 1)
        inside_h = np.clip(edges_h, offset_s / HOUR_S, (offset_s + ended_s) / HOUR_S)
        hour = edges_h[:-1].astype(np.int64) % 24
        lived_h += phones * np.bincount(hour, weights=np.diff(inside_h), minlength=24)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(lived_h > 0, begun / lived_h * len(utc_offset_s), 0.0)
    return mean


def first_use_wait_h(sessions: pa.Table, first_eligible_s: Floats) -> Ints:
    """Whole hours that phones waited from their first eligibility to their first used upload.

    Args:
        sessions: With the columns `phone`, `task`, `began_s` and `used_in`.
        first_eligible_s: When each phone was first eligible. Shape [phones].

    Returns:
        Hours to the check-in of that upload's session, of the phones that had one. Shape [n].
    """
    mask = pc.and_(pc.equal(sessions["task"], "train"), pc.greater_equal(sessions["used_in"], 0))
    used = sessions.select(["phone", "began_s"]).filter(mask)
    first_s = np.full(len(first_eligible_s), np.inf)
    np.minimum.at(first_s, used["phone"].to_numpy(), used["began_s"].to_numpy())
    took_part = np.isfinite(first_s)
    waited_s = np.maximum(first_s[took_part] - first_eligible_s[took_part], 0.0)
    hours: Ints = (waited_s // HOUR_S).astype(np.int64)
    return hours


def _rounded(values: Floats) -> list[float]:
    return [round(float(value), 4) for value in values]
