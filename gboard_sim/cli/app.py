"""The command `gboard-sim`: `run`, `fleet` and `report`, and where the other commands are joined.

Data goes to stdout, logs and progress to stderr; `--json` puts the summary alone on stdout. A bad
input ends with status 2 and one message.
"""

import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gboard_sim.cli.bench import bench_app
from gboard_sim.cli.corpus import corpus_app
from gboard_sim.cli.epsilon import epsilon
from gboard_sim.cli.keyboard import export, keyboard, type_in_terminal
from gboard_sim.cli.names import list_entries
from gboard_sim.cli.screen import print_json, say_warning, screen
from gboard_sim.cli.sweep import sweep
from gboard_sim.cli.trace import trace_app
from gboard_sim.errors import GboardSimError

if TYPE_CHECKING:
    from gboard_sim.experiment.experiment import Experiment
    from gboard_sim.simulate import Run

app = typer.Typer(
    name="gboard-sim",
    help="Simulate a fleet of phones that learn next-word prediction together.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


BAD_INPUT = 2

OPTIONS = {
    "text.source": "--corpus",
    "run.seed": "--seed",
    "run.arm": "--arm",
    "run.workers": "--workers",
    "run.engine": "--engine",
    "run.ray_address": "--ray-address",
    "fleet.phones": "--phones",
    "run.days": "--days",
}
"""The option that sets a key."""

Source = Annotated[
    str, typer.Argument(metavar="[EXPERIMENT]", help="A TOML file, or a name: gboard-sim list.")
]
Variant = Annotated[str | None, typer.Option(help="A named variant of the experiment.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override one key.")
]
CorpusPath = Annotated[
    Path | None, typer.Option("--corpus", help="JSON lines, CSV or Parquet of user, text, time.")
]
Out = Annotated[Path | None, typer.Option(help="Run directory; default runs/<name>-<seed>.")]
Resume = Annotated[Path | None, typer.Option(help="Continue a run that was stopped.")]
FleetOf = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN",
        help="Learn from the recorded fleet of a run: its own experiment, with --set.",
    ),
]
Workers = Annotated[int | None, typer.Option(min=0, help="Worker processes; 0: one per core.")]
Engine = Annotated[
    str | None, typer.Option(help="Where workers run: local, or ray for many machines.")
]
RayAddress = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Ray cluster: auto or HOST:PORT; else Ray is started."),
]
Seed = Annotated[int | None, typer.Option(min=0, help="The experiment's seed.")]
Arm = Annotated[
    str | None,
    typer.Option(help="federated, central, central:0.1 (of the phones), or local-only."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the summary as JSON, alone.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no table.")]
Phones = Annotated[int | None, typer.Option(min=1, help="Phones in the fleet.")]
Days = Annotated[float | None, typer.Option(help="Simulated days.")]


@app.command()
def run(
    source: Source = "default",
    variant: Variant = None,
    sets: Sets = None,
    corpus: CorpusPath = None,
    out: Out = None,
    resume: Resume = None,
    fleet_of: FleetOf = None,
    workers: Workers = None,
    engine: Engine = None,
    ray_address: RayAddress = None,
    seed: Seed = None,
    arm: Arm = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a next-word model across a fleet: a table, a report page and the ONNX files."""
    from gboard_sim import simulate
    from gboard_sim.experiment.file import machinery
    from gboard_sim.runlog.directory import RunDirectory

    with screen(quiet or as_json, resumes=True) as watch:
        if resume is not None:
            others = (variant, sets, corpus, out, arm, fleet_of)
            if source != "default" or any(others) or seed is not None:
                raise GboardSimError(
                    f"--resume {resume}: the run directory has its own experiment; "
                    "only --workers, --engine, --ray-address, --json and --quiet go with it"
                )
            finished = simulate.resume(
                resume, workers=workers, engine=engine, ray_address=ray_address, watch=watch
            )
        else:
            if fleet_of is not None and source == "default":
                source = str(RunDirectory.open(fleet_of) / "experiment.toml")
            options = {
                # A path from the root, so that the run can be resumed from any folder.
                "text.source": None if corpus is None else str(corpus.resolve()),
                "run.seed": seed,
                "run.arm": arm,
                **machinery(workers, engine, ray_address),
            }
            experiment = _experiment(source, variant, sets, options)
            if fleet_of is None:
                finished = simulate.run(experiment, out=out, watch=watch)
            else:
                finished = simulate.relearn(experiment, fleet_of, out=out, watch=watch)
        _finish(finished, as_json, quiet)


@app.command()
def fleet(
    source: Source = "production",
    variant: Variant = None,
    sets: Sets = None,
    phones: Phones = None,
    days: Days = None,
    out: Out = None,
    resume: Resume = None,
    seed: Seed = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run the fleet alone, with a learner that learns nothing: days, bytes, joules, shapes."""
    from gboard_sim import simulate

    with screen(quiet or as_json) as watch:
        if resume is not None:
            numbers = (phones, days, seed)
            others = any((variant, sets, out)) or any(number is not None for number in numbers)
            if source != "production" or others:
                raise GboardSimError(
                    f"--resume {resume}: the run directory has its own experiment; only --json and "
                    "--quiet go with it"
                )
            _finish(simulate.resume_fleet(resume, watch=watch), as_json, quiet)
            return
        options = {"fleet.phones": phones, "run.days": days, "run.seed": seed}
        experiment = _experiment(source, variant, sets, options)
        _finish(simulate.run_fleet(experiment, out=out, watch=watch), as_json, quiet)


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="A run's directory, or a sweep's.")],
) -> None:
    """Make the page of a run or a sweep again."""
    from gboard_sim.report.page import write_page
    from gboard_sim.report.sweep_page import write_sweep_page
    from gboard_sim.runlog.directory import RunDirectory

    with screen(quiet=True):
        swept = (directory / "sweep.json").is_file()
        print(
            write_sweep_page(RunDirectory(directory))
            if swept
            else write_page(RunDirectory.open(directory))
        )


app.command()(sweep)
app.command(name="list")(list_entries)
app.command()(epsilon)
app.command()(export)
app.command()(keyboard)
app.command(name="type")(type_in_terminal)
app.add_typer(corpus_app, name="corpus")
app.add_typer(trace_app, name="trace")
app.add_typer(bench_app, name="bench")


def main() -> NoReturn:
    """The entry point: every error that a user can cause is one message and status 2."""
    warnings.showwarning = say_warning
    try:
        app()
    except GboardSimError as error:
        print(f"gboard-sim: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except MemoryError as error:
        print(f"gboard-sim: out of memory: {error}; hint: fewer phones or days", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _experiment(
    source: str, variant: str | None, sets: list[str] | None, options: Mapping[str, Any]
) -> "Experiment":
    """The experiment that the arguments ask for; options of their own win over --set.

    Args:
        source: A file or a name.
        variant: A variant of it.
        sets: What --set was given.
        options: What other options were given, by the key that they set; None where they were not.
    """
    from gboard_sim.experiment.file import load
    from gboard_sim.experiment.overrides import Override

    own = [
        Override(key, value, f"{OPTIONS[key]} {value}")
        for key, value in options.items()
        if value is not None
    ]
    return load(source, variant=variant, overrides=[*(sets or []), *own])


def _finish(finished: "Run", as_json: bool, quiet: bool) -> None:
    """Make the report page and print what a run came to."""
    from gboard_sim.report.page import write_page
    from gboard_sim.runlog.summary_lines import headline

    page = write_page(finished.directory)
    if as_json:
        print_json(finished.flat_summary())
    elif not quiet:
        for label, value in headline(finished.summary):
            print(f"{label:<34} {value}")
        print(f"\n{page}")
