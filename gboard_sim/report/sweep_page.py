"""The page of a sweep: fronts, the cheapest settings, and every setting, in one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from gboard_sim.report import fronts, quantity, template
from gboard_sim.report.figure import Figure
from gboard_sim.report.interval import LEAST, LEVEL, Interval
from gboard_sim.report.palette import INKS
from gboard_sim.report.sweep_contents import Cost, Judges, Setting, SweepContents
from gboard_sim.report.table import Table
from gboard_sim.runlog import RunDirectory

TARGETS = (0.95, 0.99)
"""Shares of the best setting's recall of which the page tells the cheapest settings."""


def write_sweep_page(
    directory: RunDirectory,
    targets: Sequence[float] = TARGETS,
    judges: Judges = Judges.validation,
) -> Path:
    """Writes `sweep.html`, and each figure as `figures/<name>.svg`, into a sweep's directory.

    Args:
        directory: Of a sweep that has ended.
        targets: Shares of the best setting's mean recall.
        judges: Whose recall is drawn; choices are made on validation users.

    Returns:
        Where the page is.

    Raises:
        RunDirectoryError: Something that the page needs is missing or damaged, or the directory
            cannot be written.
    """
    contents = SweepContents.read(directory, judges)
    figures = [figure for figure in (fronts.figure(contents),) if figure is not None]
    drawings = [figure.draw() for figure in figures]
    page = template.render(
        "sweep.html.j2",
        inks=INKS,
        name=contents.name,
        lead=_lead(contents),
        synthetic=contents.synthetic,
        keys=contents.keys,
        figures=[(drawing.figure, drawing.inline()) for drawing in drawings],
        tables=[(figure, []) for figure in _tables(contents, targets)],
        failures=[row for row in contents.rows if row["status"] == "failed"],
        experiment_toml=contents.experiment_toml,
    )
    for drawing in drawings:
        directory.write_text(f"figures/{drawing.figure.name}.svg", drawing.document())
    directory.write_text("sweep.html", page)
    return directory / "sweep.html"


def cheapest(contents: SweepContents, targets: Sequence[float]) -> list[dict[str, object]]:
    """The cheapest setting for each target and cost, as rows of a terminal's table."""
    rows: list[dict[str, object]] = []
    for target in targets:
        for cost in contents.costs():
            setting = contents.cheapest(target, cost)
            if setting is not None and setting.recall is not None:
                rows.append(
                    {
                        "of_best_recall": target,
                        "cheapest_in": cost.name,
                        "number": setting.number,
                        "setting": setting.label,
                        "cost": setting.costs[cost.name].mean,
                        "recall_at_3": setting.recall.mean,
                    }
                )
    return rows


def _lead(contents: SweepContents) -> str:
    """What was swept, in one sentence."""
    seeds = {row["seed"] for row in contents.rows}
    keys = ", ".join(contents.keys)
    several = f"{len(contents.settings)} settings of {keys}" if keys else "One setting"
    word = "seed" if len(seeds) == 1 else "seeds"
    return (
        f"{several}, {len(seeds)} {word}, {len(contents.rows)} runs. Every setting met the same "
        "worlds: phones, links and typing are drawn by seed, whatever the schedule."
    )


def _tables(contents: SweepContents, targets: Sequence[float]) -> list[Figure]:
    return [table for table in (_cheapest(contents, targets), _settings(contents)) if table]


def _cheapest(contents: SweepContents, targets: Sequence[float]) -> Figure | None:
    """What reaches a share of the best recall, and at what cost."""
    best, costs = contents.best(), contents.costs()
    if best is None or best.recall is None or not costs:
        return None
    rows = [
        (
            quantity.share(row["of_best_recall"]),
            str(row["cheapest_in"]),
            str(row["number"]),
            str(row["setting"]) or "-",
            quantity.significant(row["cost"]),
            quantity.recall(row["recall_at_3"]),
        )
        for row in cheapest(contents, targets)
        if isinstance(row["of_best_recall"], float)
        and isinstance(row["cost"], float)
        and isinstance(row["recall_at_3"], float)
    ]
    return Figure(
        name="cheapest",
        title="The cheapest setting that reaches a target",
        caption=(
            f"Of the settings whose mean recall is at least that share of the best setting's, "
            f"{quantity.recall(best.recall.mean)} (number {best.number}), the one that costs "
            "least, cost by cost. Means are compared, not their intervals."
        ),
        panels=(),
        table=Table(
            title=f"Recall@3 on {contents.judges} users",
            groups=(("", 6),),
            head=("of the best recall", "cheapest in", "number", "setting", "cost", "recall@3"),
            rows=tuple(rows),
        ),
    )


def _settings(contents: SweepContents) -> Figure:
    """Every setting: its values, recall and costs, and the fronts that it is on."""
    costs = contents.costs()
    on = {
        cost.name: {
            setting.number
            for setting in fronts.on_front(
                [s for s in contents.settings if s.recall and cost.name in s.costs], cost
            )
        }
        for cost in costs
    }
    groups = [("", 1), ("the point", len(contents.keys))] if contents.keys else [("", 1)]
    return Figure(
        name="settings",
        title="Every setting",
        caption=(
            f"Means over the seeds of a setting. In brackets: the {LEVEL:.0%} t interval from "
            f"{LEAST} seeds on, with fewer the least and the greatest; of joules, the mean low and "
            "high estimate. A star marks a setting on the front of recall against that cost."
        ),
        panels=(),
        table=Table(
            title=f"Settings, with recall@3 on {contents.judges} users",
            groups=(*groups, ("", 2), ("costs", len(costs))) if costs else (*groups, ("", 2)),
            head=("number", *contents.keys, "seeds", "recall@3", *(cost.name for cost in costs)),
            rows=tuple(_row(one, contents.keys, costs, on) for one in contents.settings),
        ),
    )


def _row(
    setting: Setting, keys: Sequence[str], costs: Sequence[Cost], on: dict[str, set[int]]
) -> tuple[str, ...]:
    failed = f", {setting.failed} failed" if setting.failed else ""
    return (
        str(setting.number),
        *(setting.values[key] for key in keys),
        f"{setting.repeats}{failed}",
        quantity.UNKNOWN if setting.recall is None else _recall(setting.recall),
        *(
            f"{_cost(setting.costs[cost.name], setting.repeats > 1 or cost.bounds is not None)}"
            f"{' *' if setting.number in on[cost.name] else ''}"
            if cost.name in setting.costs
            else quantity.UNKNOWN
            for cost in costs
        ),
    )


def _recall(found: Interval) -> str:
    said = quantity.recall(found.mean)
    if found.repeats == 1:
        return said
    return f"{said} ({quantity.recall(found.low)} to {quantity.recall(found.high)})"


def _cost(found: Interval, wide: bool) -> str:
    said = quantity.significant(found.mean)
    if not wide or found.low == found.high:
        return said
    return f"{said} ({quantity.significant(found.low)} to {quantity.significant(found.high)})"
