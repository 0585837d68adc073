"""The command `gboard-sim sweep`: many runs, one table, one page."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gboard_sim.errors import GboardSimError
from gboard_sim.screen import print_json, screen

if TYPE_CHECKING:
    from gboard_sim.sweep_crew import Told

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
    list[float] | None,
    typer.Option(help="Share of the best recall to reach most cheaply; default 0.95 and 0.99."),
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
    recall: Judged = "validation",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run the grid of an experiment's [sweep]: sweep.parquet, and a page of Pareto fronts."""
    from gboard_sim.report.sweep_contents import Judges, SweepContents
    from gboard_sim.report.sweep_page import TARGETS, cheapest, write_sweep_page

    if recall not in Judges.__members__:
        raise GboardSimError(f"--recall {recall}: must be one of {', '.join(Judges)}")
    targets = tuple(target or TARGETS)
    for share in targets:
        if not 0 < share <= 1:
            raise GboardSimError(f"--target {share:g}: must be a share above 0 and at most 1")
    with screen(quiet=True, resumes=True):
        finished = _carry_out(
            source, jobs, out, resume, variant, sets, seeds, workers, quiet or as_json
        )
        page = write_sweep_page(finished.directory, targets, Judges(recall))
        contents = SweepContents.read(finished.directory, Judges(recall))
        found = cheapest(contents, targets)
        if as_json:
            document = {"directory": str(finished.directory.path), "rows": finished.rows}
            print_json(_plain({**document, "cheapest": found}))
        elif not quiet:
            _print(contents, found, page)
    for row in finished.rows:
        if row["status"] == "failed":
            print(f"gboard-sim: {row['run']} failed: {row['message']}", file=sys.stderr)
    if finished.failed:
        raise typer.Exit(POINT_FAILED)


def _carry_out(
    source: str | None,
    jobs: int,
    out: Path | None,
    resume: Path | None,
    variant: str | None,
    sets: list[str] | None,
    seeds: list[int] | None,
    workers: int | None,
    quiet: bool,
) -> Any:
    """Run the sweep that the arguments ask for."""
    from gboard_sim import sweep as join
    from gboard_sim.experiment_file import load_sweep

    if resume is not None:
        if source or out or variant or sets or seeds:
            raise GboardSimError(
                f"--resume {resume}: the sweep's directory has its own experiment; only --jobs, "
                "--workers, --target, --recall, --json and --quiet go with it"
            )
        experiment, points = join.plan(resume)
    else:
        overrides = [*(sets or []), *([f"sweep.seeds={seeds}"] if seeds else [])]
        experiment, points = load_sweep(source or "default", variant=variant, overrides=overrides)

    def tell(told: "Told") -> None:
        if not quiet:
            print(_line(told), file=sys.stderr, flush=True)
        for warning in told.warnings:
            print(f"gboard-sim: {told.row['run']}: warning: {warning}", file=sys.stderr)

    return join.sweep(experiment, points, out=resume or out, jobs=jobs, workers=workers, tell=tell)


def _line(told: "Told") -> str:
    row = told.row
    if row["status"] == "failed":
        said = f"failed: {row['message']}"
    else:
        recall = row["validation_recall_at_3"]
        said = "" if recall is None else f"validation recall@3 {recall:.3f}, "
        said += f"{row['uplink_bytes_per_phone_mean'] / 1e6:.2f} MB up, {row['wall_s']:.0f} s"
    return f"{told.done:4d}/{told.total}  {row['run']}  {said}"


def _print(contents: Any, found: list[dict[str, object]], page: Path) -> None:
    """The settings and the cheapest of them, as tables."""
    from gboard_sim.report.text_table import lines

    nothing = float("nan")
    rows = []
    for one in contents.settings:
        recall = one.recall
        row = {"number": one.number, **one.values, "seeds": one.repeats}
        row["recall@3"] = nothing if recall is None else round(recall.mean, 4)
        row["low"] = nothing if recall is None else round(recall.low, 4)
        row["high"] = nothing if recall is None else round(recall.high, 4)
        for cost in contents.costs():
            row[cost.name] = one.costs[cost.name].mean if cost.name in one.costs else nothing
        rows.append(row)
    print(*lines(rows), sep="\n")
    if found:
        print("", *lines(found), sep="\n")
    print(f"\n{os.fspath(page)}")


def _plain(value: Any) -> Any:
    """JSON has no infinity."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return "infinity" if value == float("inf") else value
