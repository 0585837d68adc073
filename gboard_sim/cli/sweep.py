"""The command `gboard-sim sweep`: many runs, one table, one page."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gboard_sim.cli.screen import print_json, screen, width
from gboard_sim.errors import GboardSimError

if TYPE_CHECKING:
    from gboard_sim.experiment.experiment import Experiment
    from gboard_sim.experiment.file import Point
    from gboard_sim.report.sweep_analysis import SweepAnalysis
    from gboard_sim.sweep.crew import Told
    from gboard_sim.sweep.sweep import Swept

POINT_FAILED = 1

Source = Annotated[
    str | None,
    typer.Argument(metavar="[EXPERIMENT]", help="A TOML file with [sweep], or a shipped name."),
]
Jobs = Annotated[int, typer.Option(min=1, help="Runs at a time, each a process of its own.")]
Out = Annotated[
    Path | None,
    typer.Option(help="Directory, of an earlier start too; default runs/<name>-sweep."),
]
Resume = Annotated[Path | None, typer.Option(help="Continue a sweep: whole runs are kept.")]
Variant = Annotated[str | None, typer.Option(help="A named variant of the experiment.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Override one key; sweep.SECTION.KEY=[...] too."
    ),
]
Seeds = Annotated[
    list[int] | None, typer.Option("--seed", min=0, help="A seed; repeated, several.")
]
Workers = Annotated[
    int | None, typer.Option(min=0, help="Worker processes of all runs together; 0: one per core.")
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        metavar="95%|0.3",
        help="Recall to reach, or a share of the baseline's; repeated, several; default 95%, 99%.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="KEY=VALUE|NUMBER", help="Setting to hold the others against; default the first."
    ),
]
Judged = Annotated[str, typer.Option(help="Users whose recall is drawn: validation or test.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the rows as JSON, alone.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no table.")]


def sweep(
    source: Source = None,
    jobs: Jobs = 1,
    out: Out = None,
    resume: Resume = None,
    variant: Variant = None,
    sets: Sets = None,
    seeds: Seeds = None,
    workers: Workers = None,
    target: Target = None,
    baseline: Baseline = None,
    recall: Judged = "validation",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run the grid of an experiment's [sweep]: sweep.parquet, and a page of Pareto fronts."""
    from gboard_sim.experiment.sweep import text
    from gboard_sim.report import sweep_baseline
    from gboard_sim.report.sweep_analysis import SweepAnalysis
    from gboard_sim.report.sweep_contents import Judges, SweepContents
    from gboard_sim.report.sweep_page import write_sweep_page
    from gboard_sim.report.sweep_target import TARGETS, Target
    from gboard_sim.sweep import sweep as join

    if recall not in Judges.__members__:
        raise GboardSimError(f"--recall {recall}: must be one of {', '.join(Judges)}")
    targets = tuple(Target.parse(each) for each in dict.fromkeys(target or ())) or TARGETS
    with screen(quiet=True, resumes=True):
        experiment, points = _plan(source, out, resume, variant, sets, seeds)
        settings = {point.setting: point.values for point in points}
        sweep_baseline.find(
            {said: {key: text(v) for key, v in one.items()} for said, one in settings.items()},
            baseline,
        )
        finished = join.sweep(
            experiment,
            points,
            out=resume or out,
            jobs=jobs,
            workers=workers,
            tell=lambda told: _tell(told, quiet or as_json),
        )
        page = write_sweep_page(finished.directory, targets, Judges(recall), baseline)
        contents = SweepContents.read(finished.directory, Judges(recall))
        found = SweepAnalysis.of(contents, baseline, targets)
        if as_json:
            print_json(_plain(_document(finished, found)))
        elif not quiet:
            _print(found, page)
    for row in finished.rows:
        if row["status"] == "failed":
            print(f"gboard-sim: {row['run']} failed: {row['message']}", file=sys.stderr)
    if finished.failed:
        raise typer.Exit(POINT_FAILED)


def _plan(
    source: str | None,
    out: Path | None,
    resume: Path | None,
    variant: str | None,
    sets: list[str] | None,
    seeds: list[int] | None,
) -> "tuple[Experiment, list[Point]]":
    """The experiment and the points that the arguments ask for."""
    from gboard_sim.experiment.file import load_sweep
    from gboard_sim.experiment.overrides import Override
    from gboard_sim.sweep import sweep as join

    if resume is not None:
        if source or out or variant or sets or seeds:
            raise GboardSimError(
                f"--resume {resume}: the sweep's directory has its own experiment; only --jobs, "
                "--workers, --target, --baseline, --recall, --json and --quiet go with it"
            )
        return join.plan(resume)
    overrides: list[str | Override] = [*(sets or [])]
    if seeds:
        said = " ".join(f"--seed {seed}" for seed in seeds)
        overrides.append(Override("sweep.seeds", seeds, said))
    return load_sweep(source or "default", variant=variant, overrides=overrides)


def _tell(told: "Told", quiet: bool) -> None:
    """Say on stderr that a run has ended."""
    if not quiet:
        print(_line(told), file=sys.stderr, flush=True)
    for warning in told.warnings:
        print(f"gboard-sim: {told.row['run']}: warning: {warning}", file=sys.stderr)


def _line(told: "Told") -> str:
    row = told.row
    if row["status"] == "failed":
        said = f"failed: {row['message']}"
    else:
        recall = row["validation_recall_at_3"]
        said = "" if recall is None else f"validation recall@3 {recall:.3f}, "
        said += f"{row['uplink_bytes_per_phone_mean'] / 1e6:.2f} MB up, {row['wall_s']:.0f} s"
    return f"{told.done:4d}/{told.total}  {row['run']}  {said}"


def _document(finished: "Swept", found: "SweepAnalysis") -> dict[str, Any]:
    """What `--json` prints; the courses of the runs are in the table alone."""
    return {
        "directory": str(finished.directory.path),
        "rows": [
            {key: value for key, value in row.items() if key != "course"} for row in finished.rows
        ],
        "baseline": found.baseline.number,
        "losses": list(found.lost()),
        "reached": list(found.reached()),
        "cheapest": list(found.cheapest()),
    }


_SPARE = (
    "low",
    "high",
    "loss_low",
    "loss_high",
    "version",
    "seeds",
    "joules",
    "down, MB",
    "days",
    "setting",
)
"""Columns that a narrow terminal does without, the first one first."""


def _print(found: "SweepAnalysis", page: Path) -> None:
    """The settings and the cheapest of them, as tables."""
    from gboard_sim.report.text_table import fitted, lines

    room = width()
    for table in (list(found.settings()), list(found.cheapest())):
        if not table:
            continue
        rows, left_out = [_known(row) for row in table], list[str]()
        if room is not None:
            costs = {cost.name: cost.short for cost in found.contents.costs()}
            rows, left_out = fitted(_short(rows, costs), room, _SPARE)
        print(*lines(rows), sep="\n")
        if left_out:
            print(f"no room for {'; '.join(left_out)}: the page has them")
        print()
    print(os.fspath(page))


def _short(rows: list[dict[str, object]], costs: dict[str, str]) -> list[dict[str, object]]:
    """Swept keys by their last part where no other column has that name, and costs in short."""
    last = [name.rpartition(".")[2] for name in rows[0]]
    heads = {
        name: short if last.count(short) == 1 else name
        for name, short in zip(rows[0], last, strict=True)
    }
    return [
        {heads[name]: costs.get(str(value), value) for name, value in row.items()} for row in rows
    ]


def _known(row: dict[str, object]) -> dict[str, object]:
    return {key: float("nan") if value is None else value for key, value in row.items()}


def _plain(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return "infinity" if value == float("inf") else value
