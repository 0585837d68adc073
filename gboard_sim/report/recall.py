"""Recall by simulated day and by uplink, against what counting words reaches and what can be."""

from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import beside, halo, series, spread, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, MUTED
from gboard_sim.seam.records import Floats

_LEVELS = (
    ("ceiling", "ceiling_recall_at_3", (0, (1, 2))),
    ("n-gram", "ngram_recall_at_3", (0, (6, 3))),
    ("unigram", "unigram_recall_at_3", (0, (2, 3))),
)


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where nothing was learned."""
    curve = contents.evaluated("validation", "all")
    test = contents.evaluated("test", "all")
    validation, days = numbers(curve, "recall_at_3"), contents.days_at(numbers(curve, "version"))
    judged = np.isfinite(validation) & np.isfinite(days)
    if not judged.any():
        return None
    validation, days = validation[judged], days[judged]
    mb = contents.uplink_mb_per_phone_at(days)
    tested_days = contents.days_at(numbers(test, "version"))[-1:]
    tested = numbers(test, "recall_at_3")[-1:]
    levels = {
        label: (value, dashes)
        for label, key, dashes in _LEVELS
        if (value := contents.figure(key)) is not None
    }
    draw = partial(_draw, validation=validation, tested=tested, levels=levels)
    said = ", ".join(f"{label} {quantity.recall(value)}" for label, (value, _) in levels.items())
    course = (
        f"from {quantity.recall(validation[0])} at the first evaluation to "
        f"{quantity.recall(validation[-1])} at the last"
    )
    ending = (
        f" The ring is the test at the end: {quantity.recall(tested[0])}." if tested.size else ""
    )
    return Figure(
        name="recall",
        title="Recall",
        caption=(
            "How often the next word is among the three that the keyboard shows. The line is "
            f"validation, {course}.{ending}"
            + (f" Dashed, over the same test words: {said}." if levels else "")
        ),
        panels=(
            Panel(
                f"Line: validation recall at 3 by simulated day, {course}. Levels: {said}.",
                partial(draw, x=days, tested_x=tested_days, by="simulated days"),
            ),
            Panel(
                f"The same line by mean uplink per phone, 0 to {mb.max():.3g} MB.",
                partial(
                    draw,
                    x=mb,
                    tested_x=contents.uplink_mb_per_phone_at(tested_days),
                    by="uplink per phone, MB",
                ),
            ),
        ),
    )


def _draw(
    figure: FigureBase,
    *,
    x: Floats,
    validation: Floats,
    tested_x: Floats,
    tested: Floats,
    levels: dict[str, tuple[float, tuple[int, tuple[int, int]]]],
    by: str,
) -> None:
    (axes,) = upright(figure, ["recall@3"], by)
    series(axes, x, validation, BLUE.light)
    values = [value for value, _ in levels.values()]
    top = 1.1 * max(validation.max(), *values, *tested[np.isfinite(tested)], 1e-3)
    right = max(x.max(), *tested_x[np.isfinite(tested_x)], 1e-9)
    axes.set_ylim(0.0, top)
    axes.set_xlim(0.0, 1.02 * right)
    for value, dashes in levels.values():
        axes.axhline(value, color=MUTED.light, linewidth=1.2, linestyle=dashes)
    labels = [(f"{label} {quantity.recall(value)}", value) for label, (value, _) in levels.items()]
    if np.isfinite(tested).all() and tested.size:
        axes.plot(tested_x, tested, "o", color=BLUE.light, markersize=8, clip_on=False, **halo())
        labels.append((f"test {quantity.recall(tested[0])}", float(tested[0])))
    heights = spread(np.array([value for _, value in labels]), top / 14)
    for (label, _), height in zip(labels, heights, strict=True):
        color = BLUE.light if label.startswith("test") else MUTED.light
        beside(axes, 1.02 * right, height, label, color)
