"""What the keyboards that phones have installed predict, and how far behind they are."""

from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import from_zero, series, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, ORANGE, STONE
from gboard_sim.seam.records import Floats
from gboard_sim.units import DAY_S


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where the fleet kept no installed versions."""
    table = contents.served
    if table is None:
        return None
    days = numbers(table, "at_s") / DAY_S
    having, lag = numbers(table, "phones_served"), numbers(table, "lag_mean")
    recall, injected = numbers(table, "recall_at_3"), numbers(table, "recall_at_3_injected")
    said = []
    if np.isfinite(recall).any():
        said.append(f"the recall served is {quantity.recall(recall[-1])}")
    if np.isfinite(injected).any():
        said.append(f"{quantity.recall(injected[-1])} on the word that came into use")
    served = f" At the end {', '.join(said)}." if said else ""
    behind = f"{quantity.share(having[-1])} of the phones have a version at the end"
    if np.isfinite(lag).any():
        behind += f", {quantity.decimal(lag[-1])} versions behind the newest in the mean"
    panels = [
        Panel(
            f"By simulated day: the share of phones with a version, and their lag. {behind}.",
            partial(_lag, days=days, having=having, lag=lag, p90=numbers(table, "lag_p90")),
        )
    ]
    if said:
        alt = f"Lines by simulated day: served recall at 3.{served}"
        panels.insert(0, Panel(alt, partial(_recall, days=days, recall=recall, injected=injected)))
    return Figure(
        name="served",
        title="Served",
        caption=(
            "A phone predicts with the version that it has installed: served recall is the mean "
            f"over phones, and a phone without a version counts as 0.{served} {behind}."
        ),
        panels=tuple(panels),
    )


def _recall(figure: FigureBase, days: Floats, recall: Floats, injected: Floats) -> None:
    titles = ["served recall@3"]
    titles += ["the same, of the word that came into use"] if np.isfinite(injected).any() else []
    for axes, values, ink in zip(
        upright(figure, titles, "simulated days"), (recall, injected), (BLUE, GREEN), strict=False
    ):
        series(axes, days, values, ink.light)
        from_zero(axes)


def _lag(figure: FigureBase, days: Floats, having: Floats, lag: Floats, p90: Floats) -> None:
    titles = ["phones with a version, %", "versions behind: mean, and 90th percentile (grey)"]
    top, bottom = upright(figure, titles, "simulated days")
    series(top, days, 100 * having, ORANGE.light)
    series(bottom, days, p90, STONE.light)
    series(bottom, days, lag, BLUE.light)
    from_zero(top)
    from_zero(bottom)
