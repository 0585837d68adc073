"""How sessions went: their shapes, and the joules that each way of ending took."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import beside, lying
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, ORANGE, STONE, Ink

ALPHABET = (
    ("-", "checked in and was accepted"),
    ("v", "downloaded the plan and the model"),
    ("[", "began to train"),
    ("]", "finished training"),
    ("+", "began to upload"),
    ("^", "the upload was used"),
    ("#", "the upload was not used"),
    ("!", "was interrupted"),
    ("*", "failed"),
)
"""The signs of a shape (Bonawitz et al., MLSys 2019, table 1) in words."""

_ENDINGS: Mapping[str, tuple[str, Ink]] = {
    "^": ("upload used", BLUE),
    "]": ("trained, not sent", GREEN),
    "#": ("upload not used", ORANGE),
    "!": ("interrupted", STONE),
    "*": ("failed", STONE),
}
_OTHER = ("other", STONE)

MOST = 10
"""Shapes shown one by one, the most frequent first (assumed: more are read by nobody)."""


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where there were no sessions."""
    sessions = contents.sessions
    total = sessions.num_rows
    if not total:
        return None
    table = sessions.select(["shape", "energy_j"])
    groups = table.group_by("shape").aggregate([("shape", "count"), ("energy_j", "sum")])
    groups = groups.sort_by([("shape_count", "descending"), ("shape", "ascending")])
    shapes: list[str] = groups["shape"].to_pylist()
    counts = numbers(groups, "shape_count")
    joules = numbers(groups, "energy_j_sum")
    rows = list(zip(shapes[:MOST], counts[:MOST], strict=True))
    if len(shapes) > MOST:
        rows.append((f"{len(shapes) - MOST} more", counts[MOST:].sum()))
    by_ending = dict.fromkeys([*_ENDINGS, ""], 0.0)
    for shape, energy_j in zip(shapes, joules, strict=True):
        by_ending[shape[-1:] if shape[-1:] in _ENDINGS else ""] += energy_j
    spent = {sign: energy_j for sign, energy_j in by_ending.items() if energy_j > 0}
    used = contents.used().sum()
    head = "; ".join(f"{shape} {quantity.share(n / total)}" for shape, n in rows[:3])
    ends = "; ".join(
        f"{_ENDINGS.get(sign, _OTHER)[0]} {quantity.share(energy_j / joules.sum())}"
        for sign, energy_j in spent.items()
    )
    return Figure(
        name="shapes",
        title="Sessions",
        caption=(
            f"{quantity.count(total)} sessions, of which {quantity.count(used)} ended in an upload "
            "that became part of a version. A shape spells what happened, sign by sign; one "
            "without a leading hyphen trained in a window in which nothing was to be sent."
        ),
        panels=(
            Panel(f"Bars: sessions by shape. {head}.", partial(_shapes, rows=rows, total=total)),
            Panel(
                f"Bars: share of all joules by how the session ended. {ends}.",
                partial(_joules, spent=spent, total_j=joules.sum()),
            ),
        ),
        key=ALPHABET,
    )


def _shapes(figure: FigureBase, rows: list[tuple[str, float]], total: int) -> None:
    axes = lying(figure, "sessions by shape", [shape for shape, _ in rows], monospace=True)
    values = [n for _, n in rows]
    colors = [_ENDINGS.get(shape[-1:], _OTHER)[1].light for shape, _ in rows]
    axes.barh(range(len(rows)), values, height=0.62, color=colors)
    axes.set_xlim(0, max(values))
    for row, n in enumerate(values):
        beside(axes, n, row, f"{quantity.count(n)} · {quantity.share(n / total)}")


def _joules(figure: FigureBase, spent: Mapping[str, float], total_j: float) -> None:
    ends = [_ENDINGS.get(sign, _OTHER) for sign in spent]
    axes = lying(figure, "joules by the session's end, % of all", [label for label, _ in ends])
    shares = np.array(list(spent.values())) / max(total_j, 1e-12)
    axes.barh(range(len(ends)), shares, height=0.5, color=[ink.light for _, ink in ends])
    axes.set_xlim(0, max(shares.max(initial=0.0), 1e-9))
    for row, part in enumerate(shares):
        beside(axes, part, row, quantity.share(part))
