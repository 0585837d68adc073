"""The versions one after another: how long each took, and what it was made of."""

from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import POINTS, from_zero, points, series, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, ORANGE, STONE
from gboard_sim.seam.records import Floats
from gboard_sim.units import DAY_S, MINUTE_S

_HEIGHT_PX = 320


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where no version was made."""
    versions = contents.versions
    if not versions.num_rows:
        return None
    closed_s = numbers(versions, "closed_s")
    minutes = np.diff(closed_s, prepend=0.0) / MINUTE_S
    uploads = numbers(versions, "uploads")
    staleness = numbers(versions, "staleness_mean")
    stalest = numbers(versions, "staleness_max")
    loss = numbers(versions, "loss")
    pace = (
        f"{quantity.significant(float(np.median(minutes)))} minutes from one version to the next, "
        f"{quantity.count(np.median(uploads))} uploads in each (medians)"
    )
    age = ""
    if np.isfinite(staleness).any():
        mean = float(np.average(np.nan_to_num(staleness), weights=np.maximum(uploads, 1e-9)))
        age = (
            f"A used upload was {quantity.decimal(mean)} versions old in the mean, the oldest "
            f"{quantity.count(np.nanmax(stalest))}."
        )
    learned = bool(np.isfinite(loss).any())
    long = " A band is the range and the line the median of neighbours." * (len(minutes) > POINTS)
    days = closed_s / DAY_S
    return Figure(
        name="timeline",
        title="Versions",
        caption=(
            f"{quantity.count(len(minutes))} versions: {pace}. {age} Staleness counts the versions "
            f"made between a phone's download and the use of its upload.{long}"
        ),
        panels=(
            Panel(
                f"Two rows by simulated day: {pace}.",
                partial(_pace, days=days, minutes=minutes, uploads=uploads),
                _HEIGHT_PX,
            ),
            Panel(
                f"By simulated day: staleness of uploads. {age}"
                + (" Below: training loss." if learned else ""),
                partial(
                    _content,
                    days=days,
                    staleness=staleness,
                    stalest=stalest,
                    loss=loss if learned else None,
                ),
                _HEIGHT_PX,
            ),
        ),
    )


def _pace(figure: FigureBase, days: Floats, minutes: Floats, uploads: Floats) -> None:
    top, bottom = upright(
        figure, ["minutes since the version before", "uploads in a version"], "simulated days"
    )
    points(top, days, minutes, BLUE.light)
    points(bottom, days, uploads, STONE.light)
    for axes in (top, bottom):
        from_zero(axes)


def _content(
    figure: FigureBase, days: Floats, staleness: Floats, stalest: Floats, loss: Floats | None
) -> None:
    titles = ["staleness of uploads: mean (line) and oldest"]
    titles += ["training loss on the phones, nats per token"] if loss is not None else []
    top, *more = upright(figure, titles, "simulated days")
    points(top, days, stalest, STONE.light)
    series(top, days, staleness, ORANGE.light)
    from_zero(top)
    for axes in more:
        if loss is not None:
            series(axes, days, loss, GREEN.light)
