"""What the settings of a sweep spend until they reach a recall that was set beforehand.

A run reaches a target at the first version that validation users judged at no less; the version
after may be below it again. Days, bytes and joules are those up to that version (`sweep.course`),
epsilon that of the whole run.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gboard_sim.errors import GboardSimError
from gboard_sim.report import sweep_baseline
from gboard_sim.report.interval import Interval, interval
from gboard_sim.report.sweep_contents import Cost, Setting, costs_of, priced


@dataclass(frozen=True, slots=True)
class Target:
    """A recall to reach.

    Attributes:
        value: The recall, or a share of the baseline's.
        relative: Whether it is a share: of the baseline's recall at its last version, with the
            same seed.
    """

    value: float
    relative: bool

    @classmethod
    def parse(cls, text: str) -> "Target":
        """A target as it is asked for: `95%` or `0.95*` of the baseline's, or a recall as `0.3`.

        Raises:
            GboardSimError: It is none of these, or out of range.
        """
        share = text.endswith(("%", "*"))
        try:
            value = float(text[:-1] if share else text) / (100 if text.endswith("%") else 1)
        except ValueError:
            value = math.nan
        if not 0 < value <= (2 if share else 1):
            raise GboardSimError(
                f"--target {text}: must be a recall above 0 and at most 1, such as 0.3, or a share "
                "of the baseline's, such as 95%"
            )
        return cls(value, share)

    def __str__(self) -> str:
        return f"{100 * self.value:g}% of the baseline" if self.relative else f"{self.value:g}"

    def recall(self, baseline: Mapping[str, Any] | None) -> float | None:
        """The recall to reach where the baseline's run of the same seed has this row."""
        if not self.relative:
            return self.value
        last = None if baseline is None else baseline["validation_recall_at_3"]
        return None if last is None else self.value * float(last)


TARGETS = (Target(0.95, True), Target(0.99, True))
"""What is looked at where nothing else is asked."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a setting came towards a target.

    Attributes:
        target: The target.
        setting: The setting.
        seeds: Those with which a run reached it.
        version: At which it did; None where none did.
        costs: Up to it, by the cost's name, as in `Setting`.
        factors: How many times less that is than the baseline's, by the cost's name.
    """

    target: Target
    setting: Setting
    seeds: tuple[int, ...]
    version: Interval | None
    costs: Mapping[str, Interval]
    factors: Mapping[str, Interval]

    @property
    def always(self) -> bool:
        """Whether every run of the setting reached it."""
        return len(self.seeds) == self.setting.asked


def reach(target: Target, setting: Setting, baseline: Setting) -> Reach:
    """How far a setting came, and at what cost."""
    own, base = _arrivals(target, setting, baseline), _arrivals(target, baseline, baseline)
    rows = list(own.values())
    pairs = [(own[seed], base[seed]) for seed in own if seed in base]
    costs, factors = {}, {}
    for cost in costs_of(rows):
        found = priced(rows, cost)
        if found is None:
            continue
        costs[cost.name] = found
        if cost.grows and pairs:
            columns = ([pair[side][cost.key] for pair in pairs] for side in (0, 1))
            less = sweep_baseline.factor(*columns)
            if less is not None:
                factors[cost.name] = less
    versions = [float(row["version"]) for row in rows]
    return Reach(
        target, setting, tuple(own), interval(versions) if versions else None, costs, factors
    )


def cheapest(reaches: Sequence[Reach], cost: Cost) -> Reach | None:
    """Of the settings that reached a target with every seed the one that took least."""
    enough = [one for one in reaches if one.always and cost.name in one.costs]
    return min(enough, key=lambda one: one.costs[cost.name].mean, default=None)


def _arrivals(target: Target, setting: Setting, baseline: Setting) -> dict[int, dict[str, Any]]:
    """By seed, the first row of the run's course that reaches the target; none where none does.

    Each with what does not grow along the course, taken from the run.
    """
    found = {}
    for seed, run in setting.done.items():
        needed = target.recall(baseline.done.get(seed))
        for row in setting.courses[seed]:
            if needed is not None and row["validation_recall_at_3"] >= needed:
                found[seed] = {**run, **row}
                break
    return found
