"""What a sweep's directory says, setting by setting: means over seeds, with intervals."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report.interval import Interval, interval
from gboard_sim.runlog.directory import RunDirectory


class Judges(StrEnum):
    """Whose words the recall of a page is counted on."""

    validation = "validation"
    test = "test"


RECALL: Mapping[Judges, str] = {
    Judges.validation: "validation_recall_at_3",
    Judges.test: "recall_at_3",
}
"""The column of each."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Something that a setting costs.

    Attributes:
        name: As a heading has it, with its unit.
        short: The same where there is little room.
        key: The column.
        unit: How much of the column's unit is one of the heading's.
        bounds: Columns of its low and high estimate, where the sources give them.
        grows: Whether the course of a run has it; what does not is of the whole run.
        fleet: The larger fleet, in words, of which it is: runs that stand for no fleet or for
            another do not have it.
    """

    name: str
    short: str
    key: str
    unit: float = 1.0
    bounds: tuple[str, str] | None = None
    grows: bool = True
    fleet: str | None = None

    def of(self, row: Mapping[str, Any]) -> float | None:
        """What a run cost, in the column's unit; None where it does not have it."""
        if self.fleet is not None and row.get("privacy_extrapolated") != self.fleet:
            return None
        found: float | None = row.get(self.key)
        return found

    def asked_of(self, setting: "Setting") -> bool:
        """Whether a setting should have it: runs that stand for another fleet need not."""
        if self.fleet is None:
            return True
        return any(row.get("privacy_extrapolated") == self.fleet for row in setting.done.values())


COSTS = (
    Cost("uplink per phone, MB", "up, MB", "uplink_bytes_per_phone_mean", 1e6),
    Cost("downlink per phone, MB", "down, MB", "downlink_bytes_per_phone_mean", 1e6),
    Cost("simulated days", "days", "simulated_days"),
    Cost(
        "joules per phone",
        "joules",
        "energy_j_per_phone_mean",
        bounds=("energy_j_per_phone_mean_low", "energy_j_per_phone_mean_high"),
    ),
    Cost("epsilon", "epsilon", "epsilon_policy", grows=False),
)


def costs_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Cost, ...]:
    """All costs, with an epsilon for each larger fleet whose noise some runs simulate."""
    fleets = dict.fromkeys(row.get("privacy_extrapolated") for row in rows)
    return COSTS + tuple(
        Cost(
            f"epsilon, {fleet}",
            f"epsilon, {fleet}",
            "epsilon_extrapolated",
            grows=False,
            fleet=fleet,
        )
        for fleet in fleets
        if fleet is not None
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its runs that came to an end, over their seeds.

    Attributes:
        number: From 1, in the grid's order; what the drawings call it.
        label: Its values in one line.
        values: The same by key, as text.
        repeats: Runs that ended.
        failed: Runs that did not.
        recall: Of the judges; None where no run has one.
        costs: By the cost's name; of one with bounds from the mean low to the mean high estimate,
            of another over the seeds. Without those that a run lacks or that are infinite.
        done: Rows of the table, by seed, of the runs that came to an end.
        courses: What those had reached and spent, version by version (`sweep.course`), by seed.
    """

    number: int
    label: str
    values: Mapping[str, str]
    repeats: int
    failed: int
    recall: Interval | None
    costs: Mapping[str, Interval]
    done: Mapping[int, Mapping[str, Any]]
    courses: Mapping[int, Sequence[Mapping[str, Any]]]

    @property
    def asked(self) -> int:
        """Runs of it in the sweep."""
        return self.repeats + self.failed


@dataclass(frozen=True, slots=True)
class SweepContents:
    """A sweep, read.

    Attributes:
        name: The experiment's.
        description: The experiment's.
        synthetic: Whether the text is.
        keys: What was swept.
        settings: In the grid's order.
        rows: Of the table.
        judges: Whose recall the settings have.
        experiment_toml: What was asked.
    """

    name: str
    description: str
    synthetic: bool
    keys: Sequence[str]
    settings: Sequence[Setting]
    rows: Sequence[Mapping[str, Any]]
    judges: Judges
    experiment_toml: str

    @classmethod
    def read(cls, directory: RunDirectory, judges: Judges) -> "SweepContents":
        """What a sweep's directory holds.

        Raises:
            RunDirectoryError: It is no sweep's, damaged, or its runs have not ended.
        """
        if not (directory / "sweep.parquet").is_file():
            raise RunDirectoryError(
                f"{directory.path}: the sweep has not ended (no sweep.parquet); "
                f"continue it with: gboard-sim sweep --resume {directory.path}"
            )
        document = directory.read_json("sweep.json")
        rows = directory.table("sweep").to_pylist()
        toml = (directory / "experiment.toml").read_text(encoding="utf-8")
        try:
            by_setting: dict[str, list[dict[str, Any]]] = {}
            for row in rows:
                by_setting.setdefault(row["setting"], []).append(row)
            return cls(
                name=str(document["experiment"]),
                description=str(document["description"]),
                synthetic=document["text_source"] == "synthetic",
                keys=tuple(document["keys"]),
                settings=tuple(
                    _setting(nth, runs, document["runs"][runs[0]["run"]]["values"], RECALL[judges])
                    for nth, runs in enumerate(by_setting.values(), start=1)
                ),
                rows=rows,
                judges=judges,
                experiment_toml=toml,
            )
        except KeyError as error:
            raise RunDirectoryError(
                f"{directory.path}: sweep.json and sweep.parquet do not go together: {error}"
            ) from error

    def costs(self) -> list[Cost]:
        """The costs that at least one setting has."""
        had = {name for one in self.settings for name in one.costs}
        return [cost for cost in costs_of(self.rows) if cost.name in had]


def _setting(
    number: int, runs: Sequence[Mapping[str, Any]], values: Mapping[str, str], recall: str
) -> Setting:
    done = [run for run in runs if run["status"] == "done"]
    every = costs_of(done)
    costs = {cost.name: found for cost in every if (found := priced(done, cost)) is not None}
    recalls = _known(run[recall] for run in done)
    return Setting(
        number=number,
        label=runs[0]["setting"],
        values=values,
        repeats=len(done),
        failed=len(runs) - len(done),
        recall=interval(recalls) if recalls else None,
        costs=costs,
        done={run["seed"]: run for run in done},
        courses={run["seed"]: run["course"] for run in done},
    )


def priced(rows: Sequence[Mapping[str, Any]], cost: Cost) -> Interval | None:
    """A cost over rows that have it; None where one has not, or an infinite one."""
    middle = _known(cost.of(row) for row in rows)
    if not middle or len(middle) < len(rows):
        return None
    found = interval([value / cost.unit for value in middle])
    if cost.bounds is None:
        return found
    low, high = (_known(row[key] for row in rows) for key in cost.bounds)
    least, most = (math.fsum(each) / len(each) / cost.unit for each in (low, high))
    return Interval(found.mean, least, most, found.repeats)


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]
