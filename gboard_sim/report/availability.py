"""When phones were there: by the hour of their own day, and over the run."""

import math
from functools import partial

from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, FleetFacts
from gboard_sim.report.drawing import by_clock, by_hour, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, STONE
from gboard_sim.seam.records import Floats


def figure(contents: Contents) -> Figure:
    """The figure."""
    fleet = contents.fleet
    day = fleet.eligible_by_local_hour
    busiest, quietest = int(day.argmax()), int(day.argmin())
    swing = f": a swing of {day.max() / day.min():.1f} to 1" if day.min() > 0 else ""
    extremes = (
        f"most phones are eligible from {busiest} to {busiest + 1} h, "
        f"{quantity.share(day[busiest] / fleet.phones)} of the fleet, fewest from "
        f"{quietest} to {quietest + 1} h, {quantity.share(day[quietest] / fleet.phones)}{swing}"
    )
    ended_h = 24 * (contents.figure("simulated_days") or 0.0)
    eligible, configured = (
        values[: math.ceil(ended_h) if ended_h else None]
        for values in (fleet.eligible_by_hour, fleet.participants_by_hour)
    )
    return Figure(
        name="availability",
        title="Availability",
        caption=(
            "A phone is eligible while it is idle, charging and on an unmetered network. "
            f"By the clock on the phone, {extremes}. "
            f"{quantity.count(configured.sum())} sessions were configured in the run"
            + (
                f", at most {quantity.count(configured.max())} in one hour."
                if configured.size
                else "."
            )
        ),
        panels=(
            Panel(f"24 bars: {extremes}.", partial(_by_clock, fleet=fleet)),
            Panel(
                "Two curves over the simulated days: phones eligible, "
                f"{quantity.count(_mean(eligible))} in the mean; sessions configured in "
                f"each hour, {quantity.count(_mean(configured))} in the mean.",
                partial(_over_run, eligible=eligible, configured=configured),
            ),
        ),
    )


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else 0.0


def _by_clock(figure: FigureBase, fleet: FleetFacts) -> None:
    (axes,) = upright(figure, ["phones eligible, % of the fleet"], "hour on the phone's clock")
    by_clock(axes, 100 * fleet.eligible_by_local_hour / fleet.phones, BLUE.light)


def _over_run(figure: FigureBase, eligible: Floats, configured: Floats) -> None:
    titles = ["phones eligible", "sessions configured in each hour"]
    top, bottom = upright(figure, titles, "simulated days")
    by_hour(top, eligible, BLUE.light)
    by_hour(bottom, configured, STONE.light)
