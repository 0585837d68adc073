"""How long rounds took: from configuration to close, and from one version to the next.

An asynchronous server has no rounds but buffers, counted from the first configuration of a phone
whose upload is in them.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import beyond, histogram, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, STONE
from gboard_sim.runlog import round_times
from gboard_sim.seam.records import Floats

_SECOND = {
    "rounds": "The second includes selection, and whatever the server waited for.",
    "buffers": "Buffers overlap: an upload may be on its way while others fill several.",
}


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where no version was made of uploads in the log."""
    log, versions = contents.sessions, contents.versions
    closed_s = numbers(versions, "closed_s")
    round_s = round_times.durations(
        np.where(contents.used(), log["used_in"].to_numpy(), -1),
        numbers(log, "began_s") + numbers(log, "wait_s"),
        versions["version"].to_numpy(),
        closed_s,
    )
    round_s = round_s[np.isfinite(round_s)]
    if not len(round_s):
        return None
    apart_s = np.diff(closed_s, prepend=0.0)
    noun = "buffers" if contents.buffered else "rounds"
    first = "from the first configuration to close" if contents.buffered else ""
    kinds = {
        first or "from configuration to close": (round_s, BLUE.light),
        "from one version to the next": (apart_s, STONE.light),
    }
    marks = {name: quantile_marks(seconds) for name, (seconds, _) in kinds.items()}
    abandoned = contents.figure("rounds_abandoned") or 0.0
    lost = (
        f" {quantity.count(abandoned)} more were abandoned and are not shown." if abandoned else ""
    )
    said = "; ".join(f"{name}, {in_words(found)}" for name, found in marks.items())
    return Figure(
        name="rounds",
        title=noun.capitalize(),
        caption=(
            f"{quantity.count(len(round_s))} {noun} closed with a version.{lost} Durations "
            f"{said}. {_SECOND[noun]}"
            + "".join(
                right(seconds, marks[name], f" {name}") for name, (seconds, _) in kinds.items()
            )
        ),
        panels=tuple(
            Panel(
                f"Bars: {noun} by seconds {name}. {in_words(marks[name])}.",
                partial(
                    draw,
                    title=f"{noun} by time {name}",
                    seconds=seconds,
                    marks=marks[name],
                    color=color,
                ),
            )
            for name, (seconds, color) in kinds.items()
        ),
    )


def quantile_marks(seconds: Floats) -> dict[str, float]:
    """The percentiles by which durations are told: `{"p50": 144.0, ...}`."""
    found = round_times.quantiles(seconds)
    return {f"p{q}": float(s) for q, s in zip(round_times.QUANTILES, found, strict=True)}


def in_words(marks: Mapping[str, float]) -> str:
    """Marks as text: `p50 144 s, p90 201 s, p99 320 s`."""
    return ", ".join(f"{name} {quantity.duration(value)}" for name, value in marks.items())


def right(seconds: Floats, marks: Mapping[str, float], what: str = "") -> str:
    """What the drawing leaves out at its right, as a sentence, or nothing."""
    left_out = beyond(seconds, marks)
    if not left_out:
        return ""
    verb, longest = "is" if left_out == 1 else "are", quantity.duration(float(seconds.max()))
    return f" {quantity.count(left_out)}{what} {verb} longer than is drawn, up to {longest}."


def draw(
    figure: FigureBase, title: str, seconds: Floats, marks: Mapping[str, float], color: str
) -> None:
    """One histogram of durations."""
    (axes,) = upright(figure, [title], "")
    histogram(axes, seconds, marks, color)
