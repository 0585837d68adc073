"""What a summary says of a run's fleet: rounds, phones, bytes, joules and sessions.

The keys are documented in `summary.py`.
"""

from typing import Any

import numpy as np
import pyarrow.compute as pc

from gboard_sim import inequality
from gboard_sim.fleet.fleet_end import FleetEnd
from gboard_sim.runlog import purposes, round_times
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.seam.records import Ints
from gboard_sim.units import DAY_S


def fleet_figures(directory: RunDirectory, end: FleetEnd) -> dict[str, Any]:
    """What a summary says of the fleet."""
    # Read as few columns at a time as a sum needs: a long run has millions of sessions.
    table = directory.table("sessions", ("task", "shape", "upload_bytes", "download_bytes"))
    sums = [("upload_bytes", "sum"), ("download_bytes", "sum"), ("shape", "count")]
    groups = table.group_by(["task", "shape"]).aggregate(sums).to_pylist()
    del table
    uplink, downlink = dict.fromkeys(purposes.UPLINK, 0), dict.fromkeys(purposes.DOWNLINK, 0)
    shapes: dict[str, int] = dict.fromkeys(sorted({group["shape"] for group in groups}), 0)
    held = {True: 0, False: 0, None: 0}
    for group in groups:
        task, shape = group["task"], group["shape"]
        held[purposes.holds_back(task, shape)] += group["shape_count"]
        uplink[purposes.uplink(task, shape)] += group["upload_bytes_sum"]
        downlink[purposes.downlink(task)] += group["download_bytes_sum"]
        shapes[shape] += group["shape_count"]
    downlink["install"] += end.install_bytes
    low, central, high = (float(joules.mean()) for joules in end.energy_j)
    return {
        "stop_reason": end.stop_reason,
        "versions": end.versions,
        "rounds": end.rounds,
        "rounds_abandoned": end.abandoned,
        "evaluation_rounds": end.evaluations,
        **_round_times(directory),
        "simulated_days": end.ended_s / DAY_S,
        "phones": len(end.participations),
        "phones_participated": int((end.participations > 0).sum()),
        **_inequality(end.participations),
        "uplink_bytes": int(end.upload_bytes.sum()),
        "downlink_bytes": int(end.download_bytes.sum()),
        "uplink_bytes_by_purpose": uplink,
        "downlink_bytes_by_purpose": downlink,
        "uplink_bytes_per_phone_mean": float(end.upload_bytes.mean()),
        "downlink_bytes_per_phone_mean": float(end.download_bytes.mean()),
        "energy_j_per_phone_mean": central,
        "energy_j_per_phone_mean_low": low,
        "energy_j_per_phone_mean_high": high,
        "installs": end.installs,
        "checkins": end.checkins,
        "checkins_rejected": end.rejected,
        "checkins_rejected_by_bounds": end.turned_away,
        "sessions": end.sessions,
        "session_shapes": shapes,
        "uploads_corrupt": sum(
            n for shape, n in shapes.items() if shape.endswith(purposes.CORRUPT)
        ),
        "updates_held_back_share": _share(held[True], held[True] + held[False]),
        "cycles_abandoned": end.cycles_abandoned,
    }


def _share(part: int, of: int) -> float | None:
    return part / of if of else None


def _round_times(directory: RunDirectory) -> dict[str, float]:
    task = directory.table("sessions", ("task",))["task"]
    trained = pc.equal(task, "train").to_numpy()
    del task
    sessions = directory.table("sessions", ("used_in", "began_s", "wait_s"))
    versions = directory.table("versions", ("version", "closed_s"))
    seconds = round_times.durations(
        np.where(trained, sessions["used_in"].to_numpy(), -1),
        sessions["began_s"].to_numpy() + sessions["wait_s"].to_numpy(),
        versions["version"].to_numpy(),
        versions["closed_s"].to_numpy(),
    )
    found = round_times.quantiles(seconds)
    return {f"round_s_p{q}": float(s) for q, s in zip(round_times.QUANTILES, found, strict=True)}


def _inequality(participations: Ints) -> dict[str, float]:
    phones = np.bincount(participations)
    curve = inequality.lorenz(np.arange(len(phones)), phones)
    return {
        "participation_gini": inequality.gini(curve),
        "participation_top_30_share": inequality.top_share(curve),
    }
