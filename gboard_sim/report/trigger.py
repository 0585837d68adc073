"""A trigger that phones trained together: how many proposals it shows, and how many are clicked."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents
from gboard_sim.report.drawing import SMALL, beside, halo, lying, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, MUTED, ORANGE, STONE, TEXT


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where no trigger was trained."""
    found = (contents.keyboard or {}).get("trigger")
    if not found:
        return None
    without, kept = (quantity.share(found[key]) for key in ("precision_without", "clicks_kept"))
    least = quantity.recall(found["least_probability"])
    shown = quantity.share(found["shown"] / found["proposed"])
    said = (
        f"the trigger shows {shown} of the proposals, of which "
        f"{quantity.share(found['precision_with'])} are clicked, and keeps {kept} of the clicks"
    )
    return Figure(
        name="trigger",
        title="Trigger",
        caption=(
            f"A word is proposed where the model gives it {least} or more: "
            f"{quantity.count(found['proposed'])} proposals to test users, {without} clicked "
            "(which here means: typed next). Whether to show one is learned by "
            f"{quantity.count(found['phones'])} phones in {found['rounds']} rounds of federated "
            f"averaging, and {said}. As many proposals by the model's score alone: "
            f"{quantity.share(found['precision_score_alone'])}."
        ),
        panels=(
            Panel(
                f"Precision by the share of proposals shown. At the threshold chosen, {said}.",
                partial(_curve, found=found),
            ),
            Panel(
                "Bars: the weight of each feature. "
                + ", ".join(f"{name} {value:.2f}" for name, value in found["weights"].items()),
                partial(_weights, weights=found["weights"]),
                height_px=330,
            ),
        ),
    )


def _curve(figure: FigureBase, found: Mapping[str, Any]) -> None:
    (axes,) = upright(figure, ["proposals shown that are clicked, %"], "proposals shown, %")
    x = 100 * np.array([row["retained"] for row in found["curve"]])
    for key, ink, dashes in (
        ("precision_score_alone", STONE, (0, (4, 3))),
        ("precision", BLUE, "-"),
    ):
        y = 100 * np.array([row[key] for row in found["curve"]])
        axes.plot(x, y, color=ink.light, linestyle=dashes)
    without = 100 * found["precision_without"]
    axes.axhline(without, color=MUTED.light, linewidth=1.0, linestyle=(0, (2, 2)))
    axes.annotate(
        "without", (0, without), xycoords=("axes fraction", "data"), xytext=(4, -4),
        textcoords="offset points", va="top", color=MUTED.light, fontsize=SMALL,
    )  # fmt: skip
    at = 100 * found["shown"] / found["proposed"], 100 * found["precision_with"]
    axes.plot(*at, "o", color=BLUE.light, **halo())
    axes.annotate(
        "chosen", at, xytext=(6, 6), textcoords="offset points", color=TEXT.light, fontsize=SMALL
    )
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)


def _weights(figure: FigureBase, weights: Mapping[str, float]) -> None:
    names = [name.replace("_", " ") for name in weights]
    axes = lying(figure, "weight of each feature", names)
    for place, value in enumerate(weights.values()):
        color = (BLUE if value >= 0 else ORANGE).light
        axes.barh(place, value, height=0.6, color=color)
        beside(axes, max(value, 0.0), place, f"{value:.2f}")
    low, high = min(0.0, *weights.values()), max(0.0, *weights.values())
    axes.set_xlim(1.05 * low, high + 0.25 * max(high - low, 1e-9))
