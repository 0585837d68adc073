"""Recall against what it costs: each setting of a sweep, and the Pareto front."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from gboard_sim.report import quantity
from gboard_sim.report.drawing import SMALL, halo, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.interval import LEAST, LEVEL
from gboard_sim.report.palette import BLUE, MUTED, STONE, TEXT
from gboard_sim.report.pareto import front
from gboard_sim.report.sweep_contents import Cost, Setting, SweepContents
from gboard_sim.seam.records import Floats

_DECADES = 1.0
"""Costs that span more than these are drawn on a logarithmic scale (assumed)."""

_HEIGHT_PX = 310

_INSIDE_PX = np.array([340.0, 225.0])  # of a panel's axes, within its labels
_DIGIT_PX, _DIGIT_HEIGHT_PX = 7.0, 9.0  # of a figure at size `SMALL`


def figure(contents: SweepContents) -> Figure | None:
    """The figure, or None where no setting has a recall."""
    drawn = {
        cost: found
        for cost in contents.costs()
        if (found := [s for s in contents.settings if s.recall and cost.name in s.costs])
    }
    if not drawn:
        return None
    return Figure(
        name="fronts",
        title="Recall against its costs",
        caption=(
            f"Each point is a setting, by its number in the table below: the means over its seeds "
            f"of recall@3 on {contents.judges} users and of a cost. On the front (blue) are those "
            f"that no other setting beats on both. Where marks crowd, numbers are left out. "
            f"{_whiskers(contents)}{_extrapolated(contents)}{_left_out(contents)}"
        ),
        panels=tuple(
            Panel(
                _said(cost, found),
                partial(_draw, cost=cost, found=found),
                _HEIGHT_PX,
            )
            for cost, found in drawn.items()
        ),
    )


def on_front(found: list[Setting], cost: Cost) -> list[Setting]:
    """The settings on the front of recall against a cost, from the cheapest up."""
    x, y = _places(found, cost)
    return [found[at] for at in front(x, y)]


def _places(found: list[Setting], cost: Cost) -> tuple[Floats, Floats]:
    x = np.array([setting.costs[cost.name].mean for setting in found])
    y = np.array([setting.recall.mean if setting.recall else np.nan for setting in found])
    return x, y


def _whiskers(contents: SweepContents) -> str:
    """What the whiskers are, which depends on how many seeds there were."""
    repeats = [setting.recall.repeats for setting in contents.settings if setting.recall]
    joules = "In joules they run from the mean low to the mean high estimate of the phones' power."
    t_interval = f"the {LEVEL:.0%} t interval of the mean"
    if max(repeats) == 1:
        return f"With one seed a point has no whisker. {joules}"
    if max(repeats) < LEAST:
        return f"Whiskers run from the least to the greatest of the seeds. {joules}"
    if min(repeats) >= LEAST:
        return f"Whiskers are {t_interval}. {joules}"
    return (
        f"Whiskers are {t_interval} from {LEAST} seeds on, and below it from the least to the "
        f"greatest. {joules}"
    )


def _extrapolated(contents: SweepContents) -> str:
    """Says whose an extrapolated epsilon is, where there is one."""
    if not any(cost.fleet for cost in contents.costs()):
        return ""
    return (
        " An extrapolated epsilon is that of a larger fleet whose noise was simulated; the fleet "
        "that was run has none."
    )


def _left_out(contents: SweepContents) -> str:
    """Says that settings are missing from a drawing, where any are."""
    judged = [setting for setting in contents.settings if setting.recall]
    missing = [
        f"{without} by {cost.name}"
        for cost in contents.costs()
        if (without := sum(cost.asked_of(s) and cost.name not in s.costs for s in judged))
    ]
    return f" Not drawn, for want of a finite figure: {'; '.join(missing)}." if missing else ""


def _said(cost: Cost, found: list[Setting]) -> str:
    points = "; ".join(
        f"{setting.label or 'the experiment'}: recall {quantity.recall(setting.recall.mean)} at "
        f"{quantity.significant(setting.costs[cost.name].mean)}"
        for setting in on_front(found, cost)
        if setting.recall
    )
    return f"Points: recall@3 by {cost.name}, {len(found)} settings. On the front: {points}."


def _draw(figure: FigureBase, *, cost: Cost, found: list[Setting]) -> None:
    (axes,) = upright(figure, ["recall@3"], cost.name)
    x, y = _places(found, cost)
    best = {setting.number for setting in on_front(found, cost)}
    _scale(axes, x)
    for setting, at, recall in zip(found, x, y, strict=True):
        assert setting.recall is not None
        color = BLUE.light if setting.number in best else STONE.light
        span, rise = setting.costs[cost.name], setting.recall
        axes.hlines(
            recall,
            span.low,
            span.high,
            color=color,
            linewidth=1.0,
            alpha=0.6 if setting.number in best else 0.3,
        )
        axes.vlines(at, rise.low, rise.high, color=color, linewidth=1.4)
        look = {} if setting.number in best else halo()
        axes.plot(at, recall, "o", color=color, markersize=6.5, zorder=3, **look)
    kept = front(x, y)
    axes.step(x[kept], y[kept], where="post", color=BLUE.light, linewidth=1.4, alpha=0.6)
    first = sorted(range(len(found)), key=lambda at: found[at].number not in best)
    for at, shift in _labels(axes, x, y, [str(setting.number) for setting in found], first):
        axes.annotate(
            str(found[at].number),
            (x[at], y[at]),
            xytext=shift,
            textcoords="offset points",
            color=TEXT.light if found[at].number in best else MUTED.light,
            fontsize=SMALL,
        )


def _labels(
    axes: Axes, x: Floats, y: Floats, texts: Sequence[str], order: Sequence[int]
) -> Iterator[tuple[int, tuple[float, float]]]:
    """Where labels go: at a free corner of their mark, in this order; without one they are left."""
    axes.autoscale_view()  # else the limits are those of an empty figure
    corners = axes.transData.transform(np.column_stack([x, y]))
    marks = axes.transAxes.inverted().transform(corners) * _INSIDE_PX
    taken = [(left - 3, low - 3, left + 3, low + 3) for left, low in marks]
    for at in order:
        wide = _DIGIT_PX * len(texts[at])
        for shift in ((5.0, 4.0), (-5.0 - wide, 4.0), (5.0, -12.0), (-5.0 - wide, -12.0)):
            left, low = marks[at] + shift
            box = (left, low, left + wide, low + _DIGIT_HEIGHT_PX)
            if not any(_touch(box, other) for other in taken):
                taken.append(box)
                yield at, shift
                break


def _touch(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _scale(axes: Axes, x: Floats) -> None:
    """Costs over more than a decade on a logarithmic scale, with plain numbers."""
    if x.min() <= 0 or np.log10(x.max() / x.min()) <= _DECADES:
        axes.margins(x=0.12, y=0.12)
        return
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=8))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
