"""Phones at work: by the hour of their own day, and over the run."""

import math
from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import by_clock, by_hour, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN
from gboard_sim.runlog import purposes
from gboard_sim.seam.records import Floats
from gboard_sim.units import HOUR_S


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where the server configured nobody."""
    configured = contents.by_row(purposes.configured).astype(np.bool_)
    if not configured.any():
        return None
    log = contents.sessions
    start_s = (numbers(log, "began_s") + numbers(log, "wait_s"))[configured]
    end_s = numbers(log, "ended_s")[configured]
    ended_h = 24 * (contents.figure("simulated_days") or end_s.max() / (24 * HOUR_S))
    working = occupancy(start_s, end_s, max(math.ceil(ended_h), 1))
    most = peak(start_s, end_s)
    mean = float(working.mean())
    local = contents.fleet.participants_by_local_hour
    panels = [
        Panel(
            "A curve over the simulated days: phones at work at once, "
            f"{quantity.significant(mean)} in the mean, at most {quantity.count(most)}.",
            partial(_over_run, working=working),
        )
    ]
    said = ""
    if local is not None and local.max() > 0:
        busiest, quietest = int(local.argmax()), int(local.argmin())
        swing = f", {local.max() / local.min():.1f} times as many" if local.min() > 0 else ""
        said = (
            f" By the clock on the phone most begin from {busiest} to {busiest + 1} h, fewest "
            f"from {quietest} to {quietest + 1} h{swing}."
        )
        panels.insert(0, Panel(f"24 bars.{said}", partial(_by_clock, local=local)))
    return Figure(
        name="participants",
        title="Participants",
        caption=(
            f"{quantity.count(configured.sum())} sessions got a plan from the server. At most "
            f"{quantity.count(most)} of them were under way at once, "
            f"{quantity.significant(100 * most / contents.fleet.phones)}% of the fleet.{said}"
        ),
        panels=tuple(panels),
    )


def occupancy(start_s: Floats, end_s: Floats, hours: int) -> Floats:
    """Mean number of open intervals in each hour: their integral over it. Shape [hours]."""
    return _since(start_s, hours) - _since(end_s, hours)


def peak(start_s: Floats, end_s: Floats) -> int:
    """Most intervals that are open at once; one that ends as another starts is not with it."""
    start_s, end_s = np.sort(start_s), np.sort(end_s)
    open_now = np.arange(1, len(start_s) + 1) - np.searchsorted(end_s, start_s, side="right")
    return int(open_now.max(initial=0))


def _since(time_s: Floats, hours: int) -> Floats:
    """The sum over `time_s` of the part of each hour that lies after it. Shape [hours]."""
    at_h = np.clip(time_s / HOUR_S, 0.0, hours)
    hour = np.minimum(at_h.astype(np.int64), hours - 1)
    count = np.bincount(hour, minlength=hours).astype(np.float64)
    into_h = np.bincount(hour, weights=at_h - hour, minlength=hours)
    part: Floats = np.cumsum(count) - into_h
    return part


def _by_clock(figure: FigureBase, local: Floats) -> None:
    title = "sessions configured in an hour, mean"
    (axes,) = upright(figure, [title], "hour on the phone's clock")
    by_clock(axes, local, BLUE.light)


def _over_run(figure: FigureBase, working: Floats) -> None:
    (axes,) = upright(figure, ["phones at work at once, mean of each hour"], "simulated days")
    by_hour(axes, working, GREEN.light)
