"""Who never takes part, class by class, and how unequally those who do share the work."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import lorenz, quantity
from gboard_sim.report.contents import Contents
from gboard_sim.report.drawing import SMALL, lying
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, ORANGE, STONE, Ink
from gboard_sim.report.table import Table
from gboard_sim.runlog import purposes
from gboard_sim.seam.records import Ints

_INKS: Mapping[str, Ink] = {
    "never eligible": STONE,
    "never eligible, or never selected": STONE,
    "eligible, never selected": ORANGE,
    "selected, never used": GREEN,
    "took part": BLUE,
}
_HEIGHT_PX = 320


def figure(contents: Contents) -> Figure:
    """The figure."""
    fleet = contents.fleet
    fates = by_class(contents)
    names = (*fleet.classes, "all")
    totals = np.append(fleet.phones_by_class, fleet.phones)
    counts = {fate: np.append(phones, phones.sum()) for fate, phones in fates.items()}
    said = "; ".join(
        f"{fate} {quantity.share(phones[-1] / fleet.phones)}" for fate, phones in counts.items()
    )
    panels = [
        Panel(
            f"Bars: phones by class and by how far they ever came. Of all phones: {said}.",
            partial(_draw, names=names, counts=counts, totals=totals),
            _HEIGHT_PX,
        )
    ]
    unequal = lorenz.panel(fleet)
    if unequal is not None:
        panels.append(unequal[1])
    return Figure(
        name="absence",
        title="Who never takes part",
        caption=(
            f"Of all phones: {said}. A phone is selected once it gets to work on a plan, and takes "
            f"part once an upload of it is used.{' ' + unequal[0] if unequal is not None else ''}"
        ),
        panels=tuple(panels),
        table=Table(
            title="Phones by class and by how far they ever came",
            groups=(("", 2), ("% of the class", len(counts))),
            head=("class", "phones", *counts),
            rows=tuple(
                (
                    name,
                    quantity.count(total),
                    *(
                        quantity.share(phones[at] / total) if total else quantity.UNKNOWN
                        for phones in counts.values()
                    ),
                )
                for at, (name, total) in enumerate(zip(names, totals, strict=True))
            ),
        ),
    )


def by_class(contents: Contents) -> dict[str, Ints]:
    """Phones of each class by how far they ever came; the parts add up. Shape [classes] each."""
    fleet = contents.fleet
    work = contents.by_row(lambda task, shape: task == "train" and bool(set(shape) & purposes.WORK))
    used = contents.phones_by_class_with(contents.used())
    at_work = contents.phones_by_class_with(work.astype(np.bool_))
    idle = fleet.phones_by_class - at_work
    never = fleet.never_eligible_by_class
    if never is None:
        absent = {"never eligible, or never selected": idle}
    else:
        absent = {"never eligible": never, "eligible, never selected": idle - never}
    return {**absent, "selected, never used": at_work - used, "took part": used}


def _draw(
    figure: FigureBase, names: tuple[str, ...], counts: Mapping[str, Ints], totals: Ints
) -> None:
    axes = lying(figure, "phones by how far they ever came, % of the class", names)
    row = np.arange(len(names))
    left = np.zeros(len(names))
    for fate, phones in counts.items():
        percent = 100 * phones / np.maximum(totals, 1)
        axes.barh(row, percent, left=left, height=0.62, color=_INKS[fate].light, label=fate)
        left += percent
    axes.set_xlim(0, 100)
    figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside lower left",
        ncols=2,
        frameon=False,
        fontsize=SMALL,
        handlelength=0.9,
        handleheight=0.9,
    )
