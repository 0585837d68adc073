"""Bytes that went down and up, hour by hour, by what they were for."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import by_hour, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, ORANGE, STONE
from gboard_sim.runlog import purposes
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.units import HOUR_S

_NAMES: Mapping[str, str] = {
    "used": "uploads that were used",
    "unused": "uploads that were not used",
    "broken_off": "uploads broken off",
    "evaluation": "evaluation",
    "training": "training",
}
_INKS = {"used": BLUE, "unused": ORANGE, "broken_off": STONE, "evaluation": GREEN,
         "training": GREEN}  # fmt: skip
_ROW_PX = 105  # of height for each purpose
_FRAME_PX = 60


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where no byte was sent either way."""
    log = contents.sessions
    downloaded_s = sum(numbers(log, name) for name in ("began_s", "wait_s", "download_s"))
    down = _by_hour(
        contents,
        "download_bytes",
        np.asarray(downloaded_s),
        contents.by_row(lambda task, _: purposes.DOWNLINK.index(purposes.downlink(task))),
        purposes.DOWNLINK,
    )
    up = _by_hour(
        contents,
        "upload_bytes",
        numbers(log, "ended_s"),
        contents.by_row(lambda task, shape: purposes.UPLINK.index(purposes.uplink(task, shape))),
        purposes.UPLINK,
    )
    ways = {way: found for way, found in (("down", down), ("up", up)) if found}
    if not ways:
        return None
    said = {
        way: "; ".join(
            f"{_NAMES[purpose]} {quantity.data(values.sum())}" for purpose, values in found.items()
        )
        for way, found in ways.items()
    }
    sent = {way: sum(values.sum() for values in found.values()) for way, found in ways.items()}
    total = " and ".join(f"{quantity.data(value)} {way}" for way, value in sent.items())
    peak = " and ".join(
        f"{quantity.data(np.sum(list(found.values()), axis=0).max())} {way}"
        for way, found in ways.items()
    )
    height_px = _FRAME_PX + _ROW_PX * max(map(len, ways.values()))
    return Figure(
        name="traffic",
        title="Traffic",
        caption=(
            f"{total} in the whole run, at most {peak} in one hour. "
            + " ".join(f"{way.capitalize()}: {words}." for way, words in said.items())
            + " Bytes count in the hour in which their transfer ended. Each row has its own scale."
            + _installs(contents)
        ),
        panels=tuple(
            Panel(
                f"Bytes {way} in each hour over the simulated days. {said[way]}.",
                partial(_draw, way=way, found=found),
                height_px,
            )
            for way, found in ways.items()
        ),
    )


def _installs(contents: Contents) -> str:
    """What is not drawn, since it is no session's."""
    purposes = contents.summary.get("downlink_bytes_by_purpose")
    moved = purposes.get("install", 0) if isinstance(purposes, dict) else 0
    if not moved:
        return ""
    return f" Installs of phones that nobody selected, {quantity.data(moved)} down, are not drawn."


def _by_hour(
    contents: Contents, column: str, at_s: Floats, code: Ints, names: tuple[str, ...]
) -> dict[str, Floats]:
    """Bytes of each purpose that has any, by hour. Shape [hours] each."""
    if not len(at_s):
        return {}
    volume = numbers(contents.sessions, column)
    hours = max(math.ceil(24 * (contents.figure("simulated_days") or 0.0)), 1)
    hour = np.clip((at_s // HOUR_S).astype(np.int64), 0, hours - 1)
    sums = np.bincount(hour * len(names) + code, weights=volume, minlength=hours * len(names))
    table = sums.astype(np.float64).reshape(hours, len(names)).T
    return {name: row for name, row in zip(names, table, strict=True) if row.any()}


def _draw(figure: FigureBase, way: str, found: Mapping[str, Floats]) -> None:
    units = {name: quantity.data_unit(values.max()) for name, values in found.items()}
    titles = [f"{way}: {_NAMES[name]}, {units[name][0]} an hour" for name in found]
    stack = upright(figure, titles, "simulated days")
    for axes, (name, values) in zip(stack, found.items(), strict=True):
        by_hour(axes, values / units[name][1], _INKS[name].light)
