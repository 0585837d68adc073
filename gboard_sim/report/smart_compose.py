"""Offers of several words: how often they are right, against how often they are made."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents
from gboard_sim.report.drawing import SMALL, beside, halo, spread, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, MUTED

Rows = Sequence[Mapping[str, Any]]

_SOURCES = (
    ("remembered", "with own phrases", BLUE, "-"),
    ("remembered_new", "in new messages", BLUE, (0, (2, 2))),
    ("model", "model alone", GREEN, (0, (6, 3))),
)


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where nobody has typed, or nothing was ever probable enough."""
    compose = (contents.keyboard or {}).get("compose")
    if compose is None:
        return None
    curves = {
        source: [row for row in compose[source]["curve_test"] if row["offered"]]
        for source, *_ in _SOURCES
    }
    if not any(curves.values()):
        return None
    said = "; ".join(
        f"{name}, from {quantity.share(rows[-1]['precision'])} at {_small(rows[-1]['coverage'])} "
        f"to {quantity.share(rows[0]['precision'])} at {_small(rows[0]['coverage'])}"
        for source, name, *_ in _SOURCES
        if (rows := curves[source])
    )
    wanted, law = quantity.share(compose["wanted_precision"]), compose["law_coverage"]
    best = "" if law is None else f" The law itself allows {_small(law)} at {wanted}."
    return Figure(
        name="smart-compose",
        title="Smart Compose",
        caption=(
            "Two words or more are offered where all of them are probable enough, and an offer is "
            f"right only if all are typed next. The confidence is the lowest with a precision of "
            f"{wanted} on validation messages, by the lower end of its 95% interval. By the "
            f"{_outcome(compose, 'model')} With the phrases that the same person typed before, "
            f"which stay on the phone: {_outcome(compose, 'remembered')} Silent in messages that "
            f"were typed before word by word: {_outcome(compose, 'remembered_new')} Keystrokes "
            f"saved by the strip alone: {quantity.share(compose['savings_strip'])}.{best}"
        ),
        panels=(
            Panel(
                f"Lines of precision on test messages by the share of boundaries: {said}.",
                partial(_draw, curves=curves, compose=compose),
                height_px=310,
            ),
        ),
    )


def _outcome(compose: Mapping[str, Any], source: str) -> str:
    """What came of the confidence that was chosen, or that there is none."""
    found = compose[source]
    name = "model alone: " if source == "model" else ""
    if found["confidence"] is None:
        return f"{name}there is none, and nothing is offered."
    test = found["test"]
    return (
        f"{name}{quantity.share(test['precision'])} right (95%: at least "
        f"{quantity.share(test['precision_low'])}), at {_small(test['coverage'])} of the word "
        f"boundaries, and {quantity.share(found['savings'])} of the keystrokes saved."
    )


def _small(share: float) -> str:
    """A share that may be far below 1%."""
    return f"{quantity.significant(100 * share)}%"


def _draw(figure: FigureBase, curves: Mapping[str, Rows], compose: Mapping[str, Any]) -> None:
    title = "right, % (band: down to the end of the 95% interval)"
    (axes,) = upright(figure, [title], "word boundaries with an offer, %")
    labels = []
    for source, name, ink, dashes in _SOURCES:
        if not curves[source]:
            continue
        x, y, low = (
            100 * np.array([row[key] for row in curves[source]])
            for key in ("coverage", "precision", "precision_low")
        )
        axes.plot(x, y, color=ink.light, linestyle=dashes)
        axes.fill_between(x, low, y, color=ink.light, alpha=0.15, linewidth=0)
        labels.append((float(y[0]), name, ink.light))
        if compose[source]["confidence"] is not None:
            at = compose[source]["test"]
            axes.plot(100 * at["coverage"], 100 * at["precision"], "o", color=ink.light, **halo())
    wanted = 100 * compose["wanted_precision"]
    axes.axhline(wanted, color=MUTED.light, linewidth=1.0, linestyle=(0, (2, 2)))
    axes.annotate(
        "wanted", (1, wanted), xycoords=("axes fraction", "data"), xytext=(0, 4),
        textcoords="offset points", ha="right", color=MUTED.light, fontsize=SMALL,
    )  # fmt: skip
    right = max(100 * row["coverage"] for rows in curves.values() for row in rows)
    heights = spread(np.array([height for height, *_ in labels]), 7.0)
    for (_, name, color), height in zip(labels, heights, strict=True):
        beside(axes, right, height, name, color)
    axes.set_xlim(0, 1.5 * right)  # leaves room for the names
    axes.set_ylim(0, 100)
