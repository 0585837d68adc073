"""How long phones waited: for the server, and for their first part in a version."""

from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, FleetFacts, numbers
from gboard_sim.report.drawing import from_zero, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, ORANGE
from gboard_sim.report.rounds import draw, in_words, quantile_marks, right
from gboard_sim.runlog import purposes
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.units import HOUR_S


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where the server configured nobody."""
    configured = contents.by_row(purposes.configured).astype(np.bool_)
    if not configured.any():
        return None
    wait_s = numbers(contents.sessions, "wait_s")[configured]
    marks = quantile_marks(wait_s)
    panels = [
        Panel(
            f"Bars: sessions by seconds from check-in to configuration. {in_words(marks)}.",
            partial(
                draw,
                title="sessions by time from check-in to configuration",
                seconds=wait_s,
                marks=marks,
                color=BLUE.light,
            ),
        )
    ]
    first = _first_use(contents.fleet)
    if first is not None:
        said, panel = first
        panels.append(panel)
    else:
        said = ""
    return Figure(
        name="waiting",
        title="Waiting",
        caption=f"{_waits(contents)}: {in_words(marks)}.{right(wait_s, marks)}{said}",
        panels=tuple(panels),
    )


def _waits(contents: Contents) -> str:
    """What phones wait for."""
    if not contents.buffered:
        return (
            "A phone that was accepted waits, eligible and idle, until its round has enough phones"
        )
    if (contents.figure("evaluation_rounds") or 0) == 0:
        return "A phone that was accepted does not wait: a buffer has no selection"
    return "A phone that was accepted waits only to judge a version: a buffer has no selection"


def _first_use(fleet: FleetFacts) -> tuple[str, Panel] | None:
    """Waiting for the first part in a version, in words and drawn; None where it is not known."""
    hours, phones = fleet.first_use_wait_h, fleet.phones_by_first_use_wait
    if hours is None or phones is None or not phones.sum():
        return None
    total = int(phones.sum())
    rank = np.searchsorted(np.cumsum(phones), np.array([0.5, 0.9]) * total)
    half_h, most_h = (int(hours[at]) + 1 for at in rank)
    said = (
        f" Of the {quantity.count(total)} phones that ever took part, half did within "
        f"{half_h} h of being eligible for the first time, and nine in ten within {most_h} h."
    )
    draws = partial(_since_eligible, hours=hours, phones=phones, everyone=fleet.phones)
    return said, Panel(f"A rising curve.{said}", draws)


def _since_eligible(figure: FigureBase, hours: Ints, phones: Ints, everyone: int) -> None:
    titles = ["phones that have taken part, % of the fleet"]
    (axes,) = upright(figure, titles, "days since the phone was first eligible")
    days: Floats = np.concatenate([[0.0], (hours + 1) * HOUR_S / 86_400.0])
    percent = 100 * np.concatenate([[0.0], np.cumsum(phones)]) / everyone
    axes.step(days, percent, where="post", color=ORANGE.light)
    axes.set_xlim(0, days[-1])
    from_zero(axes)
