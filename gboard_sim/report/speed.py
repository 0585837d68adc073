"""How long a round takes here and in peers: the figure of `gboard-sim bench peers`."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.drawing import beside, lying
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, STONE

_ROW_PX = 26  # of height for each bar
_FRAME_PX = 60  # title and margins

Rows = Sequence[Mapping[str, Any]]


def figure(rows: Rows, ours: str = "gboard_sim") -> Figure:
    """The figure.

    Args:
        rows: Those that the benchmark printed; see `bench.comparison.Row`.
        ours: The contender that is marked, and that has no ratio beside it.
    """
    works = list(dict.fromkeys(str(row["work"]) for row in rows))
    by_work = {work: [row for row in rows if row["work"] == work] for work in works}
    return Figure(
        name="speed",
        title="Seconds a round",
        caption=(
            "The same phones, batches and first parameters in each; one thread a process, start-up "
            "and evaluation left out. Beside a bar: its seconds, and how many times ours with as "
            "many processes."
        ),
        panels=tuple(
            Panel(
                f"Bars: seconds of a round, {work}. "
                + "; ".join(f"{_who(row)} {_said(row, ours)}" for row in inside)
                + ".",
                partial(_bars, work=work, rows=inside, ours=ours),
                height_px=_FRAME_PX + _ROW_PX * len(inside),
            )
            for work, inside in by_work.items()
        ),
    )


def _who(row: Mapping[str, Any]) -> str:
    processes = row["processes"]
    named = f"{row['contender']}, textbook" if row["model"] == "textbook" else row["contender"]
    return f"{named}, {processes} process{'es' if processes > 1 else ''}"


def _said(row: Mapping[str, Any], ours: str) -> str:
    seconds = f"{quantity.significant(row['round_s'])} s"
    if row["contender"] == ours:
        return seconds
    return f"{seconds}, {row['times_ours']:.1f} times"


def _bars(figure: FigureBase, work: str, rows: Rows, ours: str) -> None:
    axes = lying(figure, f"{work}: seconds a round", [_who(row) for row in rows])
    for at, row in enumerate(rows):
        color = BLUE.light if row["contender"] == ours else STONE.light
        axes.barh(at, row["round_s"], height=0.62, color=color)
        beside(axes, row["round_s"], at, _said(row, ours))
    axes.set_xlim(0, 1.45 * max(row["round_s"] for row in rows))  # leaves room for the words
