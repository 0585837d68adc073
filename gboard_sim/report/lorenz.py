"""How unequally the work is spread over the phones: the Lorenz curve of used uploads."""

from functools import partial

from matplotlib.figure import FigureBase

from gboard_sim import inequality
from gboard_sim.report import quantity
from gboard_sim.report.contents import FleetFacts
from gboard_sim.report.drawing import SMALL, upright
from gboard_sim.report.figure import Panel
from gboard_sim.report.palette import BLUE, MUTED, STONE
from gboard_sim.seam.records import Floats


def panel(fleet: FleetFacts) -> tuple[str, Panel] | None:
    """The curve in words, and drawn; None where no upload was used."""
    curve = inequality.lorenz(fleet.participations, fleet.phones_by_participations)
    gini, top = inequality.gini(curve), inequality.top_share(curve)
    if not quantity.known(gini):
        return None
    said = (
        f"The busiest {100 * inequality.TOP:.0f}% of the phones sent {quantity.share(top)} of the "
        f"used uploads; the Gini coefficient is {gini:.3f}."
    )
    return said, Panel(
        f"A Lorenz curve below the diagonal of equal shares. {said}",
        partial(_draw, curve=curve, gini=gini, top=top),
    )


def _draw(figure: FigureBase, curve: tuple[Floats, Floats], gini: float, top: float) -> None:
    (axes,) = upright(figure, ["part of the used uploads, %"], "phones, the least busy first, %")
    there, done = (100 * part for part in curve)
    axes.plot([0, 100], [0, 100], color=STONE.light, linewidth=1.0)
    axes.plot(there, done, color=BLUE.light, clip_on=False)
    at = 100 * (1 - inequality.TOP)
    axes.vlines(at, 100 * (1 - top), 100, color=MUTED.light, linewidth=1.0, linestyle=(0, (2, 2)))
    axes.plot(at, 100 * (1 - top), "o", color=BLUE.light, markersize=6)
    axes.text(at - 2, 99, f"{quantity.share(top)} by the\nbusiest {100 - at:.0f}%", ha="right",
              va="top", fontsize=SMALL)  # fmt: skip
    axes.text(2, 68, f"Gini {gini:.3f}", fontsize=SMALL, va="top")
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
