"""What a sweep says against its baseline: losses of recall, and the costs of reaching targets."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gboard_sim.report import sweep_baseline, sweep_target
from gboard_sim.report.interval import Interval
from gboard_sim.report.sweep_contents import RECALL, Setting, SweepContents
from gboard_sim.report.sweep_target import TARGETS, Reach, Target


@dataclass(frozen=True, slots=True)
class SweepAnalysis:
    """Every setting against the baseline.

    Attributes:
        contents: The sweep.
        baseline: One of its settings.
        losses: Relative loss of recall by the setting's number; without those that share no seed.
        reaches: For each target, every setting's, in the grid's order.
    """

    contents: SweepContents
    baseline: Setting
    losses: Mapping[int, Interval]
    reaches: Mapping[Target, Sequence[Reach]]

    @classmethod
    def of(
        cls,
        contents: SweepContents,
        baseline: str | None = None,
        targets: Sequence[Target] = TARGETS,
    ) -> "SweepAnalysis":
        """The analysis of a sweep.

        Args:
            contents: The sweep.
            baseline: Its number, label or a part of it; None for the first setting.
            targets: What is to be reached.

        Raises:
            GboardSimError: No setting is meant by the baseline, or several are.
        """
        points = {one.label: one.values for one in contents.settings}
        base = contents.settings[sweep_baseline.find(points, baseline) - 1]
        recall = RECALL[contents.judges]
        losses = {
            one.number: found
            for one in contents.settings
            if (found := sweep_baseline.loss(one, base, recall)) is not None
        }
        reaches = {
            target: [sweep_target.reach(target, one, base) for one in contents.settings]
            for target in targets
        }
        return cls(contents, base, losses, reaches)

    def settings(self) -> Iterator[dict[str, object]]:
        """Every setting as a row: its values, recall, loss and costs of the whole run."""
        for one in self.contents.settings:
            loss = self.losses.get(one.number)
            yield {
                "number": one.number,
                **one.values,
                "seeds": one.repeats,
                "recall@3": _mean(one.recall),
                "low": one.recall and one.recall.low,
                "high": one.recall and one.recall.high,
                "loss": _mean(loss),
                "loss_low": _low(loss),
                "loss_high": _high(loss),
                **{cost.short: _mean(one.costs.get(cost.name)) for cost in self.contents.costs()},
            }

    def lost(self) -> Iterator[dict[str, object]]:
        """The relative loss of recall of every setting that shares a seed with the baseline."""
        for one in self.contents.settings:
            if (loss := self.losses.get(one.number)) is not None:
                yield {
                    "number": one.number,
                    "setting": one.label,
                    "pairs": loss.repeats,
                    "loss": loss.mean,
                    "loss_low": _low(loss),
                    "loss_high": _high(loss),
                }

    def reached(self) -> Iterator[dict[str, object]]:
        """Every target and setting as a row: version, days, bytes and joules up to the target."""
        for target, reaches in self.reaches.items():
            for one in reaches:
                row: dict[str, object] = {
                    "target": str(target),
                    "number": one.setting.number,
                    "setting": one.setting.label,
                    "seeds": one.setting.asked,
                    "reached": len(one.seeds),
                    "version": _mean(one.version),
                }
                for cost in self.contents.costs():
                    if cost.grows:
                        less = one.factors.get(cost.name)
                        row |= _columns(cost.key, one.costs.get(cost.name), cost.unit)
                        row |= _columns(f"{cost.key}_times_less", less)
                yield row

    def cheapest(self) -> Iterator[dict[str, object]]:
        """The cheapest setting for each target and cost, as rows."""
        for target, reaches in self.reaches.items():
            for cost in self.contents.costs():
                found = sweep_target.cheapest(reaches, cost)
                if found is not None:
                    less = found.factors.get(cost.name)
                    yield {
                        "target": str(target),
                        "cheapest_in": cost.name,
                        "number": found.setting.number,
                        "setting": found.setting.label,
                        "cost": found.costs[cost.name].mean,
                        "times_less": _mean(less),
                        "version": _mean(found.version),
                    }


def _columns(name: str, found: Interval | None, unit: float = 1.0) -> dict[str, object]:
    """A mean and its ends as columns of a row, in the units of the sweep's table."""
    columns: dict[str, object] = dict.fromkeys((name, f"{name}_low", f"{name}_high"))
    if found is not None:
        columns[name] = found.mean * unit
        if found.repeats > 1 or found.low < found.high:
            columns |= {f"{name}_low": found.low * unit, f"{name}_high": found.high * unit}
    return columns


def _mean(found: Interval | None) -> float | None:
    return None if found is None else found.mean


def _low(found: Interval | None) -> float | None:
    return found.low if found is not None and found.repeats > 1 else None


def _high(found: Interval | None) -> float | None:
    return found.high if found is not None and found.repeats > 1 else None
