"""How figures look: the house style, axes in it, and series of any length."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from gboard_sim.report import quantity
from gboard_sim.report.palette import MUTED, PAPER, RULE, TEXT
from gboard_sim.seam.records import Floats

FONT = "DejaVu Sans"
"""What matplotlib measures text with; readers see their own system's font, which is narrower."""

MONOSPACE = "DejaVu Sans Mono"

SMALL = 11
"""Font size of labels beside a mark, in pixels at a panel's natural size."""

STYLE: Mapping[str, Any] = {
    "font.family": FONT,
    "font.size": 11.5,
    "text.color": TEXT.light,
    "text.parse_math": False,
    "axes.titlesize": 12.5,
    "axes.titlelocation": "left",
    "axes.titlecolor": TEXT.light,
    "axes.titlepad": 9,
    "axes.labelcolor": MUTED.light,
    "axes.labelsize": 11.5,
    "axes.edgecolor": RULE.light,
    "axes.facecolor": "none",
    "axes.linewidth": 1.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": RULE.light,
    "grid.linewidth": 0.8,
    "xtick.color": RULE.light,
    "xtick.labelcolor": MUTED.light,
    "xtick.major.size": 4,
    "ytick.color": RULE.light,
    "ytick.labelcolor": MUTED.light,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
}
"""Matplotlib's settings, over its defaults."""

BINS = 48
"""Bars of a histogram (assumed: narrower ones say no more at a panel's size)."""

POINTS = 300
"""Points up to which a series is drawn whole; a longer one becomes a median and a range."""

_FEW = 40  # points up to which each is marked (assumed: further on the marks touch)


def upright(figure: FigureBase, titles: Sequence[str], xlabel: str) -> list[Axes]:
    """Axes above each other that share what runs from left to right."""
    stack = figure.subplots(len(titles), 1, sharex=True, squeeze=False)[:, 0]
    for axes, title in zip(stack, titles, strict=True):
        axes.set_title(title)
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.yaxis.set_major_formatter(FuncFormatter(_plain))
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(_plain))
        axes.tick_params(axis="x", length=0)
    stack[-1].set_xlabel(xlabel)
    stack[-1].tick_params(axis="x", length=4)
    return list(stack)


def lying(figure: FigureBase, title: str, rows: Sequence[str], *, monospace: bool = False) -> Axes:
    """Axes with one named row for each thing compared, the first on top."""
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_yticks(
        range(len(rows)),
        rows,
        color=TEXT.light,
        fontfamily=MONOSPACE if monospace else FONT,
        parse_math=False,
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(False)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.axvline(0, color=RULE.light, linewidth=1.0)
    return axes


def beside(axes: Axes, x: float, y: float, text: str, color: str = MUTED.light) -> None:
    """A small label just right of a mark."""
    axes.annotate(
        text,
        (x, y),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=color,
        fontsize=SMALL,
        annotation_clip=False,
    )


def series(axes: Axes, x: Floats, y: Floats, color: str) -> None:
    """A series: point by point while there are few, else the median and range of each stretch."""
    x, y = _finite(x, y)
    if len(x) <= POINTS:
        marker = "o" if len(x) <= _FEW else ""
        axes.plot(x, y, color=color, marker=marker, markersize=4.5, markeredgewidth=0)
        return
    x, low, middle, high = stretches(x, y)
    axes.fill_between(x, low, high, color=color, alpha=0.22, linewidth=0)
    axes.plot(x, middle, color=color)


def points(axes: Axes, x: Floats, y: Floats, color: str) -> None:
    """Separate values: a dot each while there are few, else the median and range of stretches."""
    x, y = _finite(x, y)
    if len(x) <= POINTS:
        axes.plot(x, y, color=color, linestyle="", marker="o", markersize=4.5, markeredgewidth=0)
    else:
        series(axes, x, y, color)


def by_clock(axes: Axes, values: Floats, color: str) -> None:
    """A value for each hour of a day. Shape [24]."""
    axes.bar(np.arange(24) + 0.5, values, width=0.86, color=color)
    axes.set_xlim(0, 24)
    axes.xaxis.set_major_locator(FixedLocator([0, 6, 12, 18, 24]))


def by_hour(axes: Axes, values: Floats, color: str) -> None:
    """Values of successive hours over the simulated days, as steps while they can be told apart."""
    edges = np.arange(len(values) + 1) / 24
    if 0 < len(values) <= POINTS:
        axes.stairs(values, edges, fill=True, color=color, linewidth=0)
    else:
        series(axes, edges[:-1], values, color)
    axes.set_xlim(0, max(edges[-1], 1 / 24))
    from_zero(axes)


def histogram(axes: Axes, seconds: Floats, marks: Mapping[str, float], color: str) -> None:
    """How often each duration was: bars up to a little beyond the last mark, the marks as lines.

    Args:
        axes: Their label of what runs from left to right gets its unit here.
        seconds: At least one duration, finite.
        marks: Durations to mark by name, ascending.
        color: Of the bars.
    """
    until_s = _until_s(seconds, marks)
    unit, unit_s = quantity.span_unit(max(marks.values()))
    until = until_s / unit_s if until_s > 0 else 1.0
    counts, edges = np.histogram(seconds / unit_s, bins=BINS, range=(0.0, until))
    axes.stairs(counts, edges, fill=True, color=color, linewidth=0)
    axes.set_xlim(0, until)
    axes.set_xlabel({"s": "seconds", "min": "minutes", "h": "hours"}.get(unit, unit))
    axes.set_ylim(0, 1.3 * max(int(counts.max()), 1))  # leaves room for the words
    # Words stand left of the marks or right of them, and the shortest mark is the last passed over.
    leftwards = min(marks.values()) > 0.6 * until_s
    for nth, (name, value_s) in enumerate(list(marks.items())[:: -1 if leftwards else 1]):
        at, height = value_s / unit_s, 0.97 - 0.085 * nth
        axes.axvline(at, ymax=height, color=TEXT.light, linewidth=1.0, linestyle=(0, (2, 2)))
        left = at > 0.6 * until
        axes.annotate(
            f"{name} {quantity.duration(value_s)}",
            (at, height),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if left else 5, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=SMALL,
            bbox={"facecolor": PAPER.light, "edgecolor": "none", "pad": 1.0},
        )


def beyond(seconds: Floats, marks: Mapping[str, float]) -> int:
    """How many durations lie right of what `histogram` shows."""
    return int((seconds > _until_s(seconds, marks)).sum())


def _until_s(seconds: Floats, marks: Mapping[str, float]) -> float:
    """Where a histogram of durations ends: at the longest, unless that is far from the rest."""
    last_s, most_s = max(marks.values()), float(seconds.max())
    return most_s if most_s <= 1.5 * last_s else 1.25 * last_s


def from_zero(axes: Axes) -> None:
    """Lets the heights begin at 0 and end a little above the highest mark."""
    highest = float(axes.dataLim.y1)
    axes.set_ylim(0, 1.1 * highest if np.isfinite(highest) and highest > 0 else 1.0)


def stretches(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """A long series in `POINTS` runs of neighbours, about equally many in each.

    Args:
        x: Ascending. Shape [n].
        y: Finite. Shape [n].

    Returns:
        The median `x`, and the least, median and greatest `y`, of each. Shape [POINTS] each.
    """
    runs = [
        (np.median(part_x), part_y.min(), np.median(part_y), part_y.max())
        for part_x, part_y in zip(np.array_split(x, POINTS), np.array_split(y, POINTS), strict=True)
    ]
    middle_x, low, middle, high = np.array(runs, dtype=np.float64).T
    return middle_x, low, middle, high


def spread(positions: Floats, gap: float) -> Floats:
    """Heights for labels near their marks, in order, at least `gap` apart. Shape [n].

    The least squared shift that does it: isotonic regression of the heights less their ranks'
    gaps, by its max-min formula (Barlow et al., Statistical Inference under Order Restrictions,
    1972); a figure has a handful of labels.
    """
    order = np.argsort(positions, kind="stable")
    ranks = gap * np.arange(len(positions))
    less = positions[order] - ranks
    n = len(less)
    fitted = [
        max(min(less[i : j + 1].mean() for j in range(k, n)) for i in range(k + 1))
        for k in range(n)
    ]
    heights = np.empty(n)
    heights[order] = fitted + ranks
    return heights


def halo() -> dict[str, Any]:
    """A hollow mark: the paper's colour inside."""
    return {"markerfacecolor": PAPER.light, "markeredgewidth": 1.8}


def _finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    keep = np.isfinite(x) & np.isfinite(y)
    return x[keep], y[keep]


def _plain(value: float, _position: int | None = None) -> str:
    """A tick's label: separators, no powers of ten, no needless zeros."""
    return f"{value:,.10g}" if abs(value) < 1e4 else f"{value:,.0f}"
