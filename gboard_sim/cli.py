"""The command line: the only file that prints or exits.

Data goes to stdout, logs and progress to stderr; `--json` puts the summary alone on stdout. A bad
input ends with status 2 and one message.
"""

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gboard_sim.errors import GboardSimError, GboardSimWarning

if TYPE_CHECKING:
    from gboard_sim.experiment import Experiment
    from gboard_sim.progress import Step, Watch
    from gboard_sim.simulate import Run

app = typer.Typer(
    name="gboard-sim",
    help="Simulate a fleet of phones that learn next-word prediction together.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
corpus_app = typer.Typer(help="Look at text before training on it.", no_args_is_help=True)
app.add_typer(corpus_app, name="corpus")
bench_app = typer.Typer(help="How fast it is, here and beside its peers.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")

BAD_INPUT = 2
INTERRUPTED = 130
TERMINATED = 143

Source = Annotated[
    str, typer.Argument(metavar="[EXPERIMENT]", help="A TOML file, or default, smoke, irc.")
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
Repeats = Annotated[int, typer.Option(min=1, help="Times that each figure is taken.")]
Quick = Annotated[bool, typer.Option("--quick", help="Small and short: shows that it works.")]
Million = Annotated[bool, typer.Option("--million", help="A million phones too.")]
Environments = Annotated[Path | None, typer.Option(help="Where to install and keep peers.")]
Against = Annotated[
    list[str] | None, typer.Option(metavar="PEER", help="flower, pfl or torch; default all.")
]
Drawing = Annotated[Path | None, typer.Option("--figure", help="An SVG file to draw.")]


@app.command()
def run(
    source: Source = "default",
    variant: Variant = None,
    sets: Sets = None,
    corpus: CorpusPath = None,
    out: Out = None,
    resume: Resume = None,
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

    with _screen(quiet or as_json, resumes=True) as watch:
        if resume is not None:
            if source != "default" or variant or sets or corpus or out or arm or seed is not None:
                raise GboardSimError(
                    f"--resume {resume}: the run directory has its own experiment; "
                    "only --workers, --engine, --ray-address, --json and --quiet go with it"
                )
            finished = simulate.resume(
                resume, workers=workers, engine=engine, ray_address=ray_address, watch=watch
            )
        else:
            overrides = [*(sets or []), *_machinery(workers, engine, ray_address)]
            overrides += [f"run.arm={arm}"] if arm is not None else []
            experiment = _experiment(source, variant, overrides, corpus, seed)
            finished = simulate.run(experiment, out=out, watch=watch)
        _finish(finished, as_json, quiet)


@app.command()
def fleet(
    source: Source = "default",
    variant: Variant = None,
    sets: Sets = None,
    phones: Phones = None,
    days: Days = None,
    out: Out = None,
    seed: Seed = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run the fleet alone, with a learner that learns nothing: days, bytes, joules, shapes."""
    from gboard_sim import simulate

    with _screen(quiet or as_json) as watch:
        more = [f"fleet.phones={phones}"] if phones is not None else []
        more += [f"run.days={days}"] if days is not None else []
        experiment = _experiment(source, variant, [*(sets or []), *more], None, seed)
        _finish(simulate.run_fleet(experiment, out=out, watch=watch), as_json, quiet)


@app.command()
def report(directory: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Make the report page of a run again."""
    from gboard_sim.report.page import write_page
    from gboard_sim.runlog import RunDirectory

    with _screen(quiet=True):
        print(write_page(RunDirectory.open(directory)))


@app.command(name="list")
def list_entries(as_json: AsJson = False) -> None:
    """What there is: experiments, phones, networks, models, schedules, codecs, mechanisms."""
    from gboard_sim import registry

    with _screen(quiet=True):
        entries = registry.names()
        if as_json:
            _print_json(entries)
            return
        for kind, found in entries.items():
            print(f"{kind:<18} {', '.join(found)}")
        print("\nschedule x codec x mechanism: the server.weights with which they compose")
        for line in registry.compositions():
            print(f"  {line}")


@corpus_app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="JSON lines, CSV or Parquet; .gz too.")],
    as_json: AsJson = False,
) -> None:
    """Users, utterances, words, sizes per user, and the first bad lines of a file."""
    from gboard_sim.learning.text.corpus_reader import inspect as look

    with _screen(quiet=True):
        facts = look(file).as_dict()
        if as_json:
            _print_json(facts)
            return
        for key, value in facts.items():
            if isinstance(value, list):
                print(f"{key}:", *(f"\n  {line}" for line in value) if value else ("none",))
            else:
                print(f"{key:<24} {value}")


@bench_app.command(name="train")
def bench_train(repeats: Repeats = 5, quick: Quick = False, as_json: AsJson = False) -> None:
    """Training steps: tokens a second, and their share of the best matrix product here."""
    from gboard_sim.bench.train import rows

    _bench(rows, as_json, repeats=repeats, quick=quick)


@bench_app.command(name="round")
def bench_round(
    repeats: Repeats = 5, quick: Quick = False, corpus: CorpusPath = None, as_json: AsJson = False
) -> None:
    """Whole rounds: where their seconds go, and their memory as the cohort grows."""
    from gboard_sim.bench.round import rows

    _bench(rows, as_json, repeats=repeats, quick=quick, corpus=corpus)


@bench_app.command(name="fleet")
def bench_fleet(
    repeats: Repeats = 3, quick: Quick = False, million: Million = False, as_json: AsJson = False
) -> None:
    """The fleet alone: phones times simulated days a second."""
    from gboard_sim.bench.fleet import rows

    _bench(rows, as_json, repeats=repeats, quick=quick, million=million)


@bench_app.command(name="peers")
def bench_peers(
    repeats: Repeats = 5,
    quick: Quick = False,
    corpus: CorpusPath = None,
    environments: Environments = None,
    against: Against = None,
    figure: Drawing = None,
    as_json: AsJson = False,
) -> None:
    """The same rounds in Flower, pfl-research and plain torch, each in its own environment."""
    from gboard_sim.bench import comparison
    from gboard_sim.report import speed

    more = {"corpus": corpus, "environments": environments, "against": against or ()}
    rows = _bench(comparison.rows, as_json, repeats=repeats, quick=quick, **more)
    if figure is not None:
        figure.write_text(speed.figure(rows).document(), encoding="utf-8")


def main() -> NoReturn:
    """The entry point: every error that a user can cause is one message and status 2."""
    warnings.showwarning = _say_warning
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
    source: str,
    variant: str | None,
    sets: list[str] | None,
    corpus: Path | None,
    seed: int | None,
) -> "Experiment":
    """The experiment that the arguments ask for; options of their own win over --set."""
    from gboard_sim.experiment_file import load

    overrides = list(sets or [])
    if corpus is not None:
        # A path from the root, so that the run can be resumed from any folder.
        overrides.append(f"text.source={json.dumps(str(corpus.resolve()))}")
    if seed is not None:
        overrides.append(f"run.seed={seed}")
    return load(source, variant=variant, overrides=overrides)


def _machinery(workers: int | None, engine: str | None, ray_address: str | None) -> list[str]:
    """The overrides of what a run works on."""
    from gboard_sim.experiment_file import machinery

    given = machinery(workers, engine, ray_address)
    return [f"{key}={json.dumps(value)}" for key, value in given.items()]


def _finish(finished: "Run", as_json: bool, quiet: bool) -> None:
    """Make the report page and print what a run came to."""
    from gboard_sim.report.page import write_page
    from gboard_sim.summary import headline

    page = write_page(finished.directory)
    if as_json:
        _print_json(finished.flat_summary())
    elif not quiet:
        for label, value in headline(finished.summary):
            print(f"{label:<34} {value}")
        print(f"\n{page}")


def _bench(measure: Callable[..., Any], as_json: bool, **given: Any) -> list[dict[str, Any]]:
    """Measure, print the rows, and return them."""
    from gboard_sim.bench.setting import setting
    from gboard_sim.report.text_table import lines

    with _screen(quiet=True):
        machine = setting()  # before, because it says how busy the machine was
        tell = partial(print, file=sys.stderr, flush=True)
        rows = [asdict(row) for row in measure(**given, tell=tell)]
    _print_json({"rows": rows, "machine": machine}) if as_json else print(*lines(rows), sep="\n")
    return rows


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def _screen(quiet: bool, *, resumes: bool = False) -> "Iterator[Watch | None]":
    """Progress on stderr while the body runs; Ctrl-C and SIGTERM end it with one message."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:  # here, because typer would end in silence
        with _progress(quiet) as watch:
            yield watch
    except KeyboardInterrupt as end:
        terminated = isinstance(end, _Terminated)
        word = "terminated" if terminated else "interrupted"
        hint = "; --resume goes on from the last checkpoint" if resumes else ""
        print(f"gboard-sim: {word}{hint}", file=sys.stderr)
        raise typer.Exit(TERMINATED if terminated else INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: what Ctrl-C is, with another status."""


def _terminate(*_: object) -> NoReturn:
    """Ends the run, which then tidies up without heeding a second signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def _say_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    """A warning as one line on stderr: ours without the place in the code."""
    place = "" if issubclass(category, GboardSimWarning) else f"{filename}:{lineno}: "
    print(f"gboard-sim: {place}warning: {message}", file=sys.stderr)


@contextmanager
def _progress(quiet: bool) -> "Iterator[Watch | None]":
    """On a terminal a bar; elsewhere a line for every tenth of the way."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn(), console=console
    )
    task = bar.add_task("", total=1.0)
    printed, doing = -1, ""

    def watch(step: "Step") -> None:
        nonlocal printed, doing
        bar.update(task, completed=step.share, description=step.line())
        tenth = int(step.share * 10)
        if not console.is_terminal and (tenth > printed or step.doing != doing):
            printed, doing = max(tenth, printed), step.doing
            console.print(step.line(), highlight=False)

    if not console.is_terminal:
        yield watch
        return
    with bar:
        yield watch
