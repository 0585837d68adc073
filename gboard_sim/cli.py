"""The command line: the only file that prints or exits.

Data goes to stdout, logs and progress to stderr; `--json` puts the summary alone on stdout. A bad
input ends with status 2 and one message.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gboard_sim.errors import GboardSimError

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

BAD_INPUT = 2
INTERRUPTED = 130

Source = Annotated[
    str, typer.Argument(metavar="[EXPERIMENT]", help="A TOML file, or default, smoke, irc.")
]
Variant = Annotated[str | None, typer.Option(help="A named variant of the experiment.")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override one key.")
]
CorpusPath = Annotated[
    Path | None, typer.Option("--corpus", help="JSON lines of user, text, time; .gz too.")
]
Out = Annotated[Path | None, typer.Option(help="Run directory; default runs/<name>-<seed>.")]
Resume = Annotated[Path | None, typer.Option(help="Continue a run that was stopped.")]
Workers = Annotated[int | None, typer.Option(min=0, help="Worker processes; 0: one per core.")]
Seed = Annotated[int | None, typer.Option(min=0, help="The experiment's seed.")]
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
    workers: Workers = None,
    seed: Seed = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Train a next-word model across a fleet: a table, a report page and the ONNX files."""
    from gboard_sim import simulate

    with _screen(quiet or as_json) as watch:
        if resume is not None:
            if source != "default" or variant or sets or corpus or out or seed is not None:
                raise GboardSimError(
                    f"--resume {resume}: the run directory has its own experiment; "
                    "only --workers, --json and --quiet go with it"
                )
            finished = simulate.resume(resume, workers=workers, watch=watch)
        else:
            experiment = _experiment(source, variant, sets, corpus, workers, seed)
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
        experiment = _experiment(source, variant, [*(sets or []), *more], None, None, seed)
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
    file: Annotated[Path, typer.Argument(help="JSON lines of user, text, time; .gz too.")],
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


def main() -> NoReturn:
    """The entry point: every error that a user can cause is one message and status 2."""
    try:
        app()
    except GboardSimError as error:
        print(f"gboard-sim: {error}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    except BrokenPipeError:  # whoever read our output has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(0)


def _experiment(
    source: str,
    variant: str | None,
    sets: list[str] | None,
    corpus: Path | None,
    workers: int | None,
    seed: int | None,
) -> "Experiment":
    """The experiment that the arguments ask for; options of their own win over --set."""
    from gboard_sim.experiment_file import load

    overrides = list(sets or [])
    if corpus is not None:
        # A path from the root, so that the run can be resumed from any folder.
        overrides.append(f"text.source={json.dumps(str(corpus.resolve()))}")
    if workers is not None:
        overrides.append(f"run.workers={workers}")
    if seed is not None:
        overrides.append(f"run.seed={seed}")
    return load(source, variant=variant, overrides=overrides)


def _finish(finished: "Run", as_json: bool, quiet: bool) -> None:
    """Make the report page and print what a run came to."""
    from gboard_sim.report.page import write_page

    page = write_page(finished.directory)
    if as_json:
        _print_json(finished.flat_summary())
    elif not quiet:
        for label, value in _headline(finished.summary):
            print(f"{label:<34} {value}")
        print(f"\n{page}")


def _headline(summary: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The figures that a terminal shows; what the run does not have is left out."""

    def have(*keys: str) -> bool:
        return all(summary[key] is not None for key in keys)

    s = summary
    yield "versions, stopped by", f"{s['versions']}, {s['stop_reason']}"
    yield "simulated days", f"{s['simulated_days']:.2f}"
    yield "phones, of which took part", f"{s['phones']:,}, {s['phones_participated']:,}"
    if have("recall_at_3"):
        start = f"(version 0: {s['recall_at_3_version_0']:.3f})"
        yield "recall at 1, at 3", f"{s['recall_at_1']:.3f}, {s['recall_at_3']:.3f} {start}"
    if have("ngram_recall_at_3"):
        baselines = f"{s['ngram_recall_at_3']:.3f}, {s['unigram_recall_at_3']:.3f}"
        yield "recall at 3 of n-gram, unigram", baselines
    if have("ceiling_share"):
        share = f"{s['ceiling_recall_at_3']:.3f}, {s['ceiling_share']:.1%}"
        yield "ceiling on this text, share of it", share
    up, down = s["uplink_bytes_per_phone_mean"], s["downlink_bytes_per_phone_mean"]
    yield "MB up, down per phone", f"{up / 1e6:.2f}, {down / 1e6:.2f}"
    joules = [s[f"energy_j_per_phone_mean{end}"] for end in ("", "_low", "_high")]
    yield "joules per phone", "{:.1f} ({:.1f} to {:.1f})".format(*joules)
    yield "sessions, check-ins turned away", f"{s['sessions']:,}, {s['checkins_rejected']:,}"
    if have("privacy_unit"):
        epsilon = s["epsilon_policy"]
        claim = "none: the log breaks its bounds" if epsilon is None else f"{epsilon:.4g}"
        yield "epsilon, delta", f"{claim}, {s['privacy_delta']:g} ({s['privacy_unit']})"
    machine = s["machine"]
    memory = f"{machine['peak_rss_bytes'] / 2**30:.2f} GiB"
    yield "wall seconds, peak memory", f"{machine['wall_s']:.0f}, {memory}"


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def _screen(quiet: bool) -> "Iterator[Watch | None]":
    """Progress on stderr while the body runs; Ctrl-C ends it with one message."""
    try:  # here, because typer would end in silence
        with _progress(quiet) as watch:
            yield watch
    except KeyboardInterrupt:
        print("gboard-sim: interrupted; --resume goes on from the last checkpoint", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


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
    printed = -1

    def watch(step: "Step") -> None:
        nonlocal printed
        bar.update(task, completed=step.share, description=step.line())
        tenth = int(step.share * 10)
        if not console.is_terminal and tenth > printed:
            printed = tenth
            console.print(step.line(), highlight=False)

    if not console.is_terminal:
        yield watch
        return
    with bar:
        yield watch
