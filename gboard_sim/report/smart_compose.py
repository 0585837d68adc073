"""Offers of several words: how often they are right, against how often they are made."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents
from gboard_sim.report.drawing import SMALL, halo, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, MUTED, STONE, TEXT

Rows = Sequence[Mapping[str, Any]]


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where nobody has typed, or no continuation was ever probable enough."""
    found = contents.keyboard
    if found is None or not any(row["offered"] for row in found["compose"]["curve_test"]):
        return None
    compose = found["compose"]
    wanted = compose["wanted_precision"]
    test = [row for row in compose["curve_test"] if row["offered"]]
    validation = [row for row in compose["curve_validation"] if row["offered"]]
    curve = (
        f"precision {quantity.share(test[0]['precision'])} at "
        f"{_small(test[0]['coverage'])} of the boundaries, "
        f"{quantity.share(test[-1]['precision'])} at {_small(test[-1]['coverage'])}"
    )
    law = compose["law_coverage"]
    best = "" if law is None else f" The law itself allows {_small(law)} at that precision."
    return Figure(
        name="smart-compose",
        title="Smart Compose",
        caption=f"{_chosen(compose, wanted)}{best}",
        panels=(
            Panel(
                f"Lines of precision by coverage for test and validation: on test {curve}.",
                partial(_draw, test=test, validation=validation, compose=compose),
            ),
        ),
    )


def _chosen(compose: Mapping[str, Any], wanted: float) -> str:
    """What was chosen and what came of it."""
    rule = (
        "Two words or more are offered where the model is sure enough of all of them, and an "
        "offer is right only if all are typed next. "
    )
    if compose["confidence"] is None:
        return (
            f"{rule}No confidence has a precision of {quantity.share(wanted)} on validation "
            "messages, by the lower end of its 95% interval: nothing is offered."
        )
    test = compose["test"]
    return (
        f"{rule}At the confidence chosen on validation, {compose['confidence']:g}, "
        f"{quantity.share(test['precision'])} of the offers to test users are right (95%: at "
        f"least {quantity.share(test['precision_low'])}), at {_small(test['coverage'])} of the "
        f"word boundaries; keystrokes saved rise from "
        f"{quantity.share(compose['savings_strip'])} to "
        f"{quantity.share(compose['savings_with_compose'])}."
    )


def _small(share: float) -> str:
    """A share that may be far below 1%."""
    return f"{quantity.significant(100 * share)}%"


def _draw(figure: FigureBase, test: Rows, validation: Rows, compose: Mapping[str, Any]) -> None:
    (axes,) = upright(
        figure, ["precision, % (band: 95% from below, test)"], "word boundaries with an offer, %"
    )
    for rows, ink, dashes in ((validation, STONE, (0, (4, 3))), (test, BLUE, "-")):
        x, y, low = (
            100 * np.array([row[key] for row in rows])
            for key in ("coverage", "precision", "precision_low")
        )
        axes.plot(x, y, color=ink.light, linestyle=dashes)
        if ink is BLUE:
            axes.fill_between(x, low, y, color=ink.light, alpha=0.18, linewidth=0)
    wanted = 100 * compose["wanted_precision"]
    axes.axhline(wanted, color=MUTED.light, linewidth=1.0, linestyle=(0, (2, 2)))
    axes.annotate(
        "wanted", (1, wanted), xycoords=("axes fraction", "data"), xytext=(0, 4),
        textcoords="offset points", ha="right", color=MUTED.light, fontsize=SMALL,
    )  # fmt: skip
    if compose["confidence"] is not None:
        at = compose["test"]
        axes.plot(100 * at["coverage"], 100 * at["precision"], "o", color=BLUE.light, **halo())
        axes.annotate(
            "chosen", (100 * at["coverage"], 100 * at["precision"]), xytext=(7, 6),
            textcoords="offset points", color=TEXT.light, fontsize=SMALL,
        )  # fmt: skip
    axes.set_xlim(left=0)
    axes.set_ylim(0, 100)
