"""What a phone paid: bytes down and up, and joules with their bounds, by phone class."""

from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents
from gboard_sim.report.drawing import beside, lying
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, STONE
from gboard_sim.seam.records import Floats

_BAR = 0.34  # height of one of two bars in a row of height 1


def figure(contents: Contents) -> Figure:
    """The figure. Means are over all phones of a class, those that never took part included."""
    fleet = contents.fleet
    there = fleet.phones_by_class > 0
    names = [*np.array(fleet.classes)[there].tolist(), "all"]

    def per_phone(column: str) -> Floats:
        """Means by class that has phones, then over the fleet. Shape [rows]."""
        sums = contents.sums_by_class(column)
        means = sums[there] / fleet.phones_by_class[there]
        return np.append(means, sums.sum() / fleet.phones)

    down, up = per_phone("download_bytes"), per_phone("upload_bytes")
    joules = np.stack([per_phone(name) for name in ("energy_low_j", "energy_j", "energy_high_j")])
    said_bytes = "; ".join(
        f"{name} {quantity.data(d)} down, {quantity.data(u)} up"
        for name, d, u in zip(names, down, up, strict=True)
    )
    said_joules = "; ".join(
        f"{name} {quantity.energy_range(*of)}" for name, of in zip(names, joules.T, strict=True)
    )
    return Figure(
        name="costs",
        title="Costs per phone",
        caption=(
            "Over the whole run, in the mean over all phones of a class, those that never took "
            "part included. A whisker runs from the low to the high estimate of the phone's power; "
            "the dot is the central one."
        ),
        panels=(
            Panel(
                f"Bars: bytes per phone. {said_bytes}.",
                partial(_bytes, names=names, down=down, up=up),
            ),
            Panel(
                f"Dots: joules per phone. {said_joules}.",
                partial(_joules, names=names, joules=joules),
            ),
        ),
    )


def _bytes(figure: FigureBase, names: list[str], down: Floats, up: Floats) -> None:
    axes = lying(figure, "bytes per phone, down (green) and up (blue)", names)
    row = np.arange(len(names))
    for values, shift, color, arrow in (
        (down, -_BAR / 2, GREEN.light, "↓"),
        (up, _BAR / 2, BLUE.light, "↑"),
    ):
        axes.barh(row + shift, values, height=_BAR * 0.88, color=color)
        for at, value in enumerate(values):
            beside(axes, value, at + shift, f"{arrow} {quantity.data(value)}")
    axes.set_xlim(0, max(down.max(), up.max(), 1e-9))


def _joules(figure: FigureBase, names: list[str], joules: Floats) -> None:
    axes = lying(figure, "joules per phone, with low and high", names)
    low, central, high = joules
    row = np.arange(len(names))
    axes.hlines(row, low, high, color=STONE.light, linewidth=2.4)
    axes.plot(central, row, "o", color=BLUE.light, markersize=8)
    axes.set_xlim(0, max(high.max(), 1e-9))
    for at in range(len(names)):
        beside(axes, high[at], at, quantity.energy_range(low[at], central[at], high[at]))
