"""The tables of a sweep's page: the cheapest settings, the way to each target, every setting."""

from collections.abc import Callable, Sequence

from gboard_sim.report import fronts, quantity, sweep_baseline, sweep_target
from gboard_sim.report.figure import Figure
from gboard_sim.report.interval import LEAST, LEVEL, Interval
from gboard_sim.report.sweep_analysis import SweepAnalysis
from gboard_sim.report.sweep_contents import Cost, Setting
from gboard_sim.report.sweep_target import Reach, Target
from gboard_sim.report.table import Table


def tables(found: SweepAnalysis) -> list[Figure]:
    """Those that the sweep has something for."""
    made = [_settings(found)]
    if found.contents.costs() and any(one.recall for one in found.contents.settings):
        made = [_cheapest(found), *(_way(found, target) for target in found.reaches), *made]
    return made


def _cheapest(found: SweepAnalysis) -> Figure:
    """What reaches a target at the least cost."""
    rows = []
    for target, reaches in found.reaches.items():
        for cost in found.contents.costs():
            best = sweep_target.cheapest(reaches, cost)
            if best is None:
                rows.append((str(target), cost.name, *[quantity.UNKNOWN] * 4))
                continue
            rows.append(
                (
                    str(target),
                    cost.name,
                    str(best.setting.number),
                    best.setting.label or "-",
                    _said(best.costs[cost.name], quantity.significant, cost.bounds is not None),
                    _said(best.factors.get(cost.name), quantity.significant),
                )
            )
    return Figure(
        name="cheapest",
        title="The cheapest setting that reaches a target",
        caption=(
            "Of the settings of which every run reached the target, the one that took least up "
            "to there, cost by cost; means are compared, not their intervals. A target is "
            "reached at the first version that validation users judged at no less. The baseline "
            f"is {_named(found.baseline)}; its recall is that of its last version with the same "
            "seed. Times less than the baseline up to the same target: the geometric mean over "
            f"seeds, with the {sweep_baseline.LEVEL:.0%} paired t interval from "
            f"{sweep_baseline.LEAST} seeds on. Epsilon is of the whole run."
        ),
        panels=(),
        table=Table(
            title="The cheapest settings",
            groups=(("", 6),),
            head=("target", "cheapest in", "number", "setting", "cost", "times less"),
            rows=tuple(rows),
        ),
    )


def _way(found: SweepAnalysis, target: Target) -> Figure:
    """What every setting spent up to a target."""
    costs = [cost for cost in found.contents.costs() if cost.grows]
    return Figure(
        name=f"way-{list(found.reaches).index(target) + 1}",
        title=f"The way to {target}",
        caption=(
            "Over the seeds whose run reached the target: the first version that did, and what "
            "the sessions cost that were configured by then, over all phones. In brackets, the "
            f"intervals of the table of every setting. The baseline is {_named(found.baseline)}."
        ),
        panels=(),
        table=Table(
            title=f"Up to {target}",
            groups=(("", 3), ("up to the target", len(costs))),
            head=("number", "seeds that reached it", "version", *(cost.name for cost in costs)),
            rows=tuple(_up_to(one, costs) for one in found.reaches[target]),
        ),
    )


def _up_to(one: Reach, costs: Sequence[Cost]) -> tuple[str, ...]:
    return (
        str(one.setting.number),
        f"{len(one.seeds)} of {one.setting.asked}",
        _said(one.version, quantity.significant),
        *(
            _said(one.costs.get(cost.name), quantity.significant, cost.bounds is not None)
            for cost in costs
        ),
    )


def _settings(found: SweepAnalysis) -> Figure:
    """Every setting: its values, recall and costs, and the fronts that it is on."""
    contents = found.contents
    costs, keys = contents.costs(), contents.keys
    on = {
        cost.name: {
            setting.number
            for setting in fronts.on_front(
                [s for s in contents.settings if s.recall and cost.name in s.costs], cost
            )
        }
        for cost in costs
    }
    groups = [("", 1), ("the point", len(keys)), ("", 3), ("costs", len(costs))]
    return Figure(
        name="settings",
        title="Every setting",
        caption=(
            f"Means over the seeds of a setting. In brackets: the {LEVEL:.0%} t interval from "
            f"{LEAST} seeds on, with fewer the least and the greatest; of joules, the mean low and "
            "high estimate. A star marks a setting on the front of recall against that cost. "
            f"Loss is the relative loss of recall against the baseline, {_named(found.baseline)}, "
            f"a seed at a time, with the {sweep_baseline.LEVEL:.0%} paired t interval from "
            f"{sweep_baseline.LEAST} seeds on."
        ),
        panels=(),
        table=Table(
            title=f"Settings, with recall@3 on {contents.judges} users",
            groups=tuple((said, wide) for said, wide in groups if wide),
            head=("number", *keys, "seeds", "recall@3", "loss", *(cost.name for cost in costs)),
            rows=tuple(_row(one, found, costs, on) for one in contents.settings),
        ),
    )


def _row(
    setting: Setting, found: SweepAnalysis, costs: Sequence[Cost], on: dict[str, set[int]]
) -> tuple[str, ...]:
    failed = f", {setting.failed} failed" if setting.failed else ""
    return (
        str(setting.number),
        *(setting.values[key] for key in found.contents.keys),
        f"{setting.repeats}{failed}",
        _said(setting.recall, quantity.recall),
        _said(found.losses.get(setting.number), quantity.share),
        *(
            f"{_said(setting.costs.get(cost.name), quantity.significant, cost.bounds is not None)}"
            f"{' *' if setting.number in on[cost.name] else ''}"
            for cost in costs
        ),
    )


def _named(setting: Setting) -> str:
    return f"number {setting.number}{f' ({setting.label})' if setting.label else ''}"


def _said(found: Interval | None, form: Callable[[float], str], wide: bool = False) -> str:
    """A mean with its interval, which one repeat has not unless its ends are estimates (`wide`)."""
    if found is None:
        return quantity.UNKNOWN
    said = form(found.mean)
    if (found.repeats == 1 and not wide) or found.low == found.high:
        return said
    return f"{said} ({form(found.low)} to {form(found.high)})"
