"""Who took part: each phone class against its part of the fleet, and how often one phone did."""

from functools import partial

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.ticker import MaxNLocator

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents
from gboard_sim.report.drawing import SMALL, beside, halo, lying, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, MUTED, RULE
from gboard_sim.seam.records import Floats, Ints

_BARS = 30  # bars up to which every number of uploads has its own (assumed)


def figure(contents: Contents) -> Figure:
    """The figure."""
    fleet = contents.fleet
    used = contents.used()
    class_of = contents.sessions["phone_class"].to_numpy()[used]
    uploads = np.bincount(class_of, minlength=len(fleet.classes))
    took_part = contents.phones_by_class_with(used)
    part_of_fleet = fleet.phones_by_class / fleet.phones
    part_of_uploads = uploads / max(uploads.sum(), 1)
    said = "; ".join(
        f"{name}: {quantity.share(of_fleet)} of the phones, {quantity.share(of_uploads)} of the "
        f"used uploads"
        for name, of_fleet, of_uploads in zip(
            fleet.classes, part_of_fleet, part_of_uploads, strict=True
        )
    )
    most = int(fleet.participations[fleet.phones_by_participations > 0].max(initial=0))
    never = int(fleet.phones_by_participations[fleet.participations == 0].sum())
    return Figure(
        name="participation",
        title="Participation",
        caption=(
            f"{quantity.count(took_part.sum())} of {quantity.count(fleet.phones)} phones had an "
            "upload used. A class whose dot lies left of its ring has less say than its part of "
            f"the fleet. {quantity.count(never)} phones had no upload used; the busiest had "
            f"{quantity.count(most)}."
        ),
        panels=(
            Panel(
                f"A dot and a ring for each phone class. {said}.",
                partial(
                    _classes,
                    names=fleet.classes,
                    part_of_fleet=part_of_fleet,
                    part_of_uploads=part_of_uploads,
                    took_part=took_part,
                    phones=fleet.phones_by_class,
                ),
            ),
            Panel(
                f"Bars: phones by number of used uploads, 0 to {most}; {never} phones had none.",
                partial(
                    _histogram,
                    uploads=fleet.participations,
                    phones=fleet.phones_by_participations,
                ),
            ),
        ),
    )


def _classes(
    figure: FigureBase,
    names: tuple[str, ...],
    part_of_fleet: Floats,
    part_of_uploads: Floats,
    took_part: Ints,
    phones: Ints,
) -> None:
    title = "of the fleet (ring) and of the used uploads (dot), %"
    axes = lying(figure, title, names)
    row = np.arange(len(names))
    ends = part_of_uploads if part_of_uploads.any() else part_of_fleet
    axes.hlines(row, 100 * part_of_fleet, 100 * ends, color=RULE.light, linewidth=3)
    axes.plot(100 * part_of_fleet, row, "o", color=MUTED.light, markersize=9, **halo())
    if part_of_uploads.any():
        axes.plot(100 * part_of_uploads, row, "o", color=BLUE.light, markersize=7)
    right = 105 * max(part_of_fleet.max(), part_of_uploads.max())
    axes.set_xlim(0, right)
    axes.spines["bottom"].set_visible(True)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.grid(True, axis="x")
    for at in range(len(names)):
        part = f"{quantity.count(took_part[at])} of {quantity.count(phones[at])}\ntook part"
        beside(axes, right, at, part)


def _histogram(figure: FigureBase, uploads: Ints, phones: Ints) -> None:
    (axes,) = upright(figure, ["phones"], "used uploads of one phone")
    top = int(uploads.max(initial=0))
    width = top // _BARS + 1
    heights = np.bincount(uploads // width, weights=phones)
    edges = np.arange(len(heights)) * width
    axes.bar(edges + (width - 1) / 2, heights, width=0.86 * width, color=BLUE.light)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if width == 1 and len(heights) <= 12:
        for at, n in enumerate(heights):
            axes.annotate(
                quantity.count(n),
                (at, n),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                color=MUTED.light,
                fontsize=SMALL,
            )
