"""Where the time and the energy of sessions went: phase by phase, and shape by shape."""

from functools import partial

import numpy as np
import pyarrow as pa
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents, numbers
from gboard_sim.report.drawing import beside, lying
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, ORANGE
from gboard_sim.report.shapes import MOST
from gboard_sim.report.table import Table
from gboard_sim.seam.records import Floats

_SECONDS = ("wait_s", "download_s", "train_s", "paused_s", "upload_s")
_BYTES = ("download_bytes", "upload_bytes")
_JOULES = ("download_j", "train_j", "upload_j")
_NAMES = {"wait": "waiting", "download": "download", "train": "training", "paused": "paused",
          "upload": "upload"}  # fmt: skip


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where there were no sessions."""
    sessions = contents.sessions
    if not sessions.num_rows:
        return None
    groups = sessions.select(["task", "shape"]).group_by(["task", "shape"])
    groups = groups.aggregate([("shape", "count")]).sort_by(
        [("shape_count", "descending"), ("task", "ascending"), ("shape", "ascending")]
    )
    pairs = list(zip(groups["task"].to_pylist(), groups["shape"].to_pylist(), strict=True))
    rank = {pair: at for at, pair in enumerate(pairs)}
    group = contents.by_row(lambda task, shape: rank.get((task, shape), -1))
    sums: dict[str, Floats] = {  # a column at a time: a long run has millions of sessions
        name: np.bincount(group, weights=numbers(sessions, name)).astype(np.float64)
        for name in (*_SECONDS, *_BYTES, *_JOULES)
    }
    panels, said = [], []
    for what, names, color in (("seconds", _SECONDS, BLUE), ("joules", _JOULES, ORANGE)):
        totals = {_phase(name): float(sums[name].sum()) for name in names}
        whole = sum(totals.values())
        if whole <= 0:
            continue
        parts = {phase: total / whole for phase, total in totals.items() if total > 0}
        words = "; ".join(f"{phase} {quantity.share(part)}" for phase, part in parts.items())
        said.append(f"Of all {what} that sessions took: {words}.")
        panels.append(
            Panel(
                f"Bars: {said[-1]}",
                partial(_bars, title=f"{what} by phase, % of all", parts=parts, color=color.light),
            )
        )
    if not panels:
        return None
    return Figure(
        name="phases",
        title="Phases",
        caption=" ".join(said) + " Joules are the central estimates.",
        panels=tuple(panels),
        table=_table(groups, sums),
    )


def _phase(column: str) -> str:
    return _NAMES[column.rpartition("_")[0]]


def _table(groups: pa.Table, sums: dict[str, Floats]) -> Table:
    """Means of a session of each task and shape; columns of nothing but zeros are left out."""
    shown = [
        (title, unit, [name for name in names if sums[name].any()])
        for title, unit, names in (
            ("seconds", quantity.significant, _SECONDS),
            ("bytes", quantity.data, _BYTES),
            ("joules", quantity.energy, _JOULES),
        )
    ]
    shown = [found for found in shown if found[2]]
    counts = numbers(groups, "shape_count")
    tasks: list[str] = groups["task"].to_pylist()
    shapes: list[str] = groups["shape"].to_pylist()
    rows = [
        (
            shapes[at] if tasks[at] == "train" else f"{shapes[at]} {tasks[at]}",
            quantity.count(counts[at]),
            *(
                told(float(sums[name][at] / counts[at])) if sums[name][at] else quantity.UNKNOWN
                for _, told, names in shown
                for name in names
            ),
        )
        for at in range(min(len(shapes), MOST))
    ]
    rest = len(shapes) - MOST
    return Table(
        title="Means of a session by its shape, the most frequent first"
        + (f"; {rest} rarer shapes are not shown" if rest > 0 else ""),
        groups=(("", 2), *((title, len(names)) for title, _, names in shown)),
        head=(
            "shape",
            "sessions",
            *(_phase(name) for title, _, names in shown for name in names),
        ),
        rows=tuple(rows),
        signs=True,
    )


def _bars(figure: FigureBase, title: str, parts: dict[str, float], color: str) -> None:
    axes = lying(figure, title, list(parts))
    shares = np.array(list(parts.values()))
    axes.barh(range(len(parts)), shares, height=0.5, color=color)
    axes.set_xlim(0, shares.max())
    for row, part in enumerate(shares):
        beside(axes, part, row, quantity.share(part))
