"""What a simulated day of a phone costs as the fleet and the run grow: `gboard-sim bench fleet`."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from gboard_sim.report import quantity
from gboard_sim.report.drawing import SMALL, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, MUTED, STONE
from gboard_sim.seam.records import Floats

Rows = Sequence[Mapping[str, Any]]


def figure(rows: Rows) -> Figure:
    """The figure.

    Args:
        rows: At least one, as the benchmark printed them; see `bench.fleet.Row`.
    """
    days = min(float(row["days"]) for row in rows)
    by_phones = sorted((row for row in rows if row["days"] == days), key=lambda row: row["phones"])
    of_days = {row["phones"] for row in rows if row["days"] != days}
    phones = next(iter(of_days), by_phones[0]["phones"])
    by_days = sorted((row for row in rows if row["phones"] == phones), key=lambda row: row["days"])
    sweeps = [("phones", by_phones, f"runs of {_days(days)}")]
    sweeps += [("days", by_days, f"{quantity.count(phones)} phones")] if len(by_days) > 1 else []
    return Figure(
        name="scale",
        title="What a phone-day costs",
        caption=(
            "Wall microseconds for one simulated day of one phone, the fleet alone, generating the "
            "phones and their text left out. The straight line is linear cost, through the largest "
            "run: a mark above it costs more for each phone and day."
        ),
        panels=tuple(
            Panel(
                f"Marks by {key}, {of}, beside the line of linear cost. "
                + "; ".join(
                    f"{_value(row, key)} {key} {quantity.significant(_us(row))} microseconds"
                    for row in inside
                )
                + ".",
                partial(_draw, key=key, inside=inside, of=of),
            )
            for key, inside, of in sweeps
        ),
    )


def _days(days: float) -> str:
    return "1 day" if days == 1 else f"{days:g} days"


def _value(row: Mapping[str, Any], key: str) -> str:
    return f"{row[key]:,g}" if key == "days" else quantity.count(row[key])


def _us(row: Mapping[str, Any]) -> float:
    return 1e6 * float(row["wall_s"]) / (float(row["phones"]) * float(row["days"]))


def _draw(figure: FigureBase, key: str, inside: Rows, of: str) -> None:
    titles = [f"microseconds per phone-day, {of}"]
    (axes,) = upright(figure, titles, "phones" if key == "phones" else "simulated days")
    x: Floats = np.array([float(row[key]) for row in inside])
    y: Floats = np.array([_us(row) for row in inside])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(x.min() / 1.5, x.max() * 1.5)
    axes.set_ylim(10 ** np.floor(np.log10(0.6 * y.min())), 10 ** np.ceil(np.log10(1.6 * y.max())))
    axes.axhline(y[-1], color=STONE.light, linewidth=1.0)
    axes.annotate(
        "linear cost", (1, y[-1]), xycoords=("axes fraction", "data"), xytext=(0, -4),
        textcoords="offset points", ha="right", va="top", color=MUTED.light, fontsize=SMALL,
    )  # fmt: skip
    axes.plot(x, y, color=BLUE.light, marker="o", markersize=5)
    for at_x, at_y in zip(x, y, strict=True):
        above = at_y >= y[-1]
        axes.annotate(
            quantity.significant(at_y),
            (at_x, at_y),
            xytext=(0, 7 if above else -7),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            fontsize=SMALL,
        )
    if key == "phones":
        axes.xaxis.set_major_locator(LogLocator(10))
    else:
        axes.set_xticks(x)
    axes.yaxis.set_major_locator(LogLocator(10))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
