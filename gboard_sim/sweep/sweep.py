"""A sweep: every point of `[sweep]` as a run in a directory of its own, and one table of them.

```
experiment.toml      the experiment with its [sweep]; what resumes without being told more
sweep.json           the swept keys, and each run's name and setting, in the grid's order
points/<run>.toml    what each run was asked; `gboard-sim run` takes it too
runs/<run>/          a run directory each
sweep.parquet        one row for each run: see `table.py`
sweep.html           the page, and figures/
```

Runs that are whole are kept, so that a sweep that was stopped goes on, and a grid can grow in its
directory. The tables are the same for any number of jobs, but for the seconds that runs took.
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from gboard_sim.errors import ExperimentError, GboardSimError, RunDirectoryError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment import sweep as experiment_sweep
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.experiment.file import Point
from gboard_sim.runlog import provenance
from gboard_sim.runlog.directory import SCHEMA, RunDirectory, unused
from gboard_sim.sweep import table as sweep_table
from gboard_sim.sweep.crew import Crew, Told
from gboard_sim.world import world

MANY_PHONES = 10_000
"""Phones of a fleet that is built only to see whether a point can be run (assumed: it is quick)."""


@dataclass(frozen=True, slots=True)
class Swept:
    """A sweep that is over.

    Attributes:
        directory: Where it lies.
        rows: One for each run, in the grid's order.
    """

    directory: RunDirectory
    rows: list[dict[str, Any]]

    @property
    def failed(self) -> int:
        """How many runs failed."""
        return sum(row["status"] == "failed" for row in self.rows)


def sweep(
    experiment: Experiment,
    points: Sequence[Point],
    *,
    out: Path | str | None = None,
    jobs: int = 1,
    workers: int | None = None,
    tell: Callable[[Told], None] = lambda _: None,
) -> Swept:
    """Run every point.

    Args:
        experiment: With its `[sweep]`.
        points: The runs that it makes.
        out: The sweep's directory: new, empty, or one of a sweep whose whole runs are kept; by
            default `runs/<name>-sweep`, then `-2`, ...
        jobs: Runs at a time, each in a process of its own.
        workers: Worker processes of all of them together; by default as the experiment says.
        tell: Told of every run that ends.

    Raises:
        GboardSimError: There is nothing to sweep, a point is not possible, or the directory cannot
            be used. A run that fails later has its message in its row, and the others go on.
    """
    if not points:
        raise ExperimentError(
            f"{experiment.name}: no [sweep]; hint: lists of values by key, such as "
            "--set sweep.training.steps=[4,16], or seeds = [1, 2, 3]"
        )
    names = Counter(point.name for point in points)
    for point in points:
        if names[point.name] > 1:
            raise ExperimentError(f"[sweep] {point.setting}: two points would share {point.name}")
    check(points)
    directory = _place(experiment, out)
    with directory.locked():
        kept = _kept(directory, points)
        _begin(directory, experiment, points)
        total = workers if workers is not None else experiment.run.workers
        crew = Crew(directory, jobs, total or os.cpu_count() or 1)
        rows = crew.run(points, kept, tell)
        sweep_table.write(
            directory / "sweep.parquet", rows, experiment_sweep.axes(experiment.sweep)
        )
    return Swept(directory, rows)


def plan(path: Path | str) -> tuple[Experiment, list[Point]]:
    """What a sweep's directory was asked to run.

    Raises:
        GboardSimError: It is not a sweep's directory, or of another version.
    """
    _open(RunDirectory(Path(path)))
    return experiment_file.load_sweep(Path(path) / "experiment.toml")


def check(points: Sequence[Point]) -> None:
    """Refuses a point that cannot be run, as far as can be told without its text.

    Raises:
        ExperimentError: Names the point and what is wrong with it.
    """
    for point in points:
        few = point.experiment
        phones = few.fleet.phones
        coins = few.protocol.kind == "poisson"  # whose claim goes by the number of phones
        if phones == "all" or (phones > MANY_PHONES and not coins):
            few = few.with_phones(max(MANY_PHONES, few.protocol.goal))
        try:
            world.build(few)
        except GboardSimError as error:
            said = point.setting or f"seed={point.experiment.run.seed}"
            raise ExperimentError(f"[sweep] {said}: {error}") from error


def _place(experiment: Experiment, out: Path | str | None) -> RunDirectory:
    """The sweep's directory, new or of an earlier start."""
    path = unused(Path("runs"), f"{experiment.name}-sweep") if out is None else Path(out)
    if (path / "sweep.json").is_file():
        return _open(RunDirectory(path))
    return RunDirectory.create(path)


def _open(directory: RunDirectory) -> RunDirectory:
    if not (directory / "sweep.json").is_file():
        raise RunDirectoryError(f"{directory.path}: not a sweep's directory: it has no sweep.json")
    schema = directory.read_json("sweep.json").get("schema")
    if schema != SCHEMA:
        raise RunDirectoryError(
            f"{directory.path}: sweep.json: schema = {schema!r}; this version reads {SCHEMA}"
        )
    return directory


def _kept(directory: RunDirectory, points: Sequence[Point]) -> set[str]:
    """The names of runs that are whole already.

    Raises:
        RunDirectoryError: What is there was asked something else, or learned from other text.
    """
    text_sha256 = cache(lambda source: provenance.facts(source)["text_sha256"])
    kept = set()
    for point in points:
        asked = directory / f"points/{point.name}.toml"
        if asked.is_file() and asked.read_text(encoding="utf-8") != _asked(point):
            raise RunDirectoryError(
                f"--out {directory.path}: {point.name} was asked something else there: the "
                "experiment has changed outside [sweep]; hint: choose another directory"
            )
        run = RunDirectory(directory / f"runs/{point.name}")
        if (run / "summary.json").is_file():
            began = run.read_json("provenance.json").get("text_sha256")
            source = point.experiment.text.source
            if began != text_sha256(source):
                raise RunDirectoryError(
                    f"{run.path}: text.source = {source!r} is not the file that the run learned "
                    "from; hint: restore it, or choose another directory"
                )
            kept.add(point.name)
    return kept


def _asked(point: Point) -> str:
    """A point's experiment file; workers, which change no result, are left to each start."""
    settings = point.experiment
    run = settings.run.model_copy(update={"workers": 0})
    return experiment_file.dump(settings.model_copy(update={"run": run}))


def _begin(directory: RunDirectory, experiment: Experiment, points: Sequence[Point]) -> None:
    """Write what the sweep was asked: `sweep.json` first, which makes it one to be resumed."""
    document = {
        "schema": SCHEMA,
        "experiment": experiment.name,
        "description": experiment.description,
        "text_source": experiment.text.source,
        "keys": experiment_sweep.axes(experiment.sweep),
        "runs": {
            point.name: {
                "setting": point.setting,
                "seed": point.experiment.run.seed,
                "values": {k: experiment_sweep.text(v) for k, v in point.values.items()},
            }
            for point in points
        },
    }
    directory.write_json("sweep.json", document)
    directory.write_text("experiment.toml", experiment_file.dump(experiment))
    for point in points:
        directory.write_text(f"points/{point.name}.toml", _asked(point))
