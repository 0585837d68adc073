"""The commands of `gboard-sim bench`: rows on stdout, and a plot in a file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from gboard_sim.cli.screen import print_json, screen
from gboard_sim.errors import GboardSimError

bench_app = typer.Typer(help="How fast it is, here and beside its peers.", no_args_is_help=True)

Repeats = Annotated[int, typer.Option(min=1, help="Times that each figure is taken.")]
Quick = Annotated[bool, typer.Option("--quick", help="Small and short: shows that it works.")]
Million = Annotated[bool, typer.Option("--million", help="A million phones too.")]
Environments = Annotated[Path | None, typer.Option(help="Where to install and keep peers.")]
Against = Annotated[
    list[str] | None, typer.Option(metavar="PEER", help="flower, pfl or torch; default all.")
]
Textbook = Annotated[
    bool,
    typer.Option("--textbook", help="Peers' model as a textbook has it, not written for speed."),
]
Drawing = Annotated[
    Path | None, typer.Option("--plot", "--figure", metavar="FILE", help="An SVG file to draw.")
]
CorpusPath = Annotated[
    Path | None, typer.Option("--corpus", help="JSON lines, CSV or Parquet of user, text, time.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the rows as JSON, alone.")]


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


@bench_app.command(name="mechanisms")
def bench_mechanisms(repeats: Repeats = 5, quick: Quick = False, as_json: AsJson = False) -> None:
    """Rounds with every privacy mechanism, over the same rounds without one."""
    from gboard_sim.bench.mechanisms import rows

    _bench(rows, as_json, repeats=repeats, quick=quick)


@bench_app.command(name="fleet")
def bench_fleet(
    repeats: Repeats = 3,
    quick: Quick = False,
    million: Million = False,
    plot: Drawing = None,
    as_json: AsJson = False,
) -> None:
    """The fleet alone: what a phone-day costs as phones and simulated days grow."""
    from gboard_sim.bench import fleet
    from gboard_sim.report import scale

    found = _bench(fleet.rows, as_json, plot, repeats=repeats, quick=quick, million=million)
    if plot is not None:
        _draw(plot, scale.figure(found).draw().document())


@bench_app.command(name="codecs")
def bench_codecs(repeats: Repeats = 11, quick: Quick = False, as_json: AsJson = False) -> None:
    """Codecs on one core: milliseconds of encode and decode, bytes, and what is lost."""
    from gboard_sim.bench.codecs import rows

    _bench(rows, as_json, repeats=repeats, quick=quick)


@bench_app.command(name="predict")
def bench_predict(
    artefacts: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders that export wrote; default untrained models."),
    ] = None,
    repeats: Repeats = 5,
    quick: Quick = False,
    as_json: AsJson = False,
) -> None:
    """A key on a phone's keyboard: milliseconds on one core, cold start, memory, size."""
    from gboard_sim.bench.predict import rows

    _bench(rows, as_json, given=artefacts or (), repeats=repeats, quick=quick)


@bench_app.command(name="peers")
def bench_peers(
    repeats: Repeats = 5,
    quick: Quick = False,
    corpus: CorpusPath = None,
    environments: Environments = None,
    against: Against = None,
    textbook: Textbook = False,
    plot: Drawing = None,
    as_json: AsJson = False,
) -> None:
    """The same rounds in Flower, pfl-research and plain torch, each in its own environment."""
    from gboard_sim.bench import comparison
    from gboard_sim.report import speed

    given = {"corpus": corpus, "environments": environments, "against": against or ()}
    more = {**given, "textbook": textbook}
    rows = _bench(comparison.rows, as_json, plot, repeats=repeats, quick=quick, **more)
    if plot is not None:
        _draw(plot, speed.figure(rows).draw().document())


def _bench(
    measure: Callable[..., Any], as_json: bool, plot: Path | None = None, **given: Any
) -> list[dict[str, Any]]:
    """Measure, print the rows, and return them; a plot that cannot be written is found first."""
    from gboard_sim.bench.setting import setting
    from gboard_sim.report.text_table import lines

    if plot is not None:
        _try(plot)
    with screen(quiet=True):
        machine = setting()  # before, because it says how busy the machine was
        tell = partial(print, file=sys.stderr, flush=True)
        rows = [asdict(row) for row in measure(**given, tell=tell)]
    print_json({"rows": rows, "machine": machine}) if as_json else print(*lines(rows), sep="\n")
    return rows


def _draw(path: Path, svg: str) -> None:
    with _writing(path):
        path.write_text(svg, encoding="utf-8")


def _try(path: Path) -> None:
    """Find out whether a plot can be written; what lies there stays."""
    with _writing(path):
        there = path.exists()
        path.open("a").close()
        if not there:
            path.unlink()


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Says which plot cannot be written."""
    try:
        yield
    except OSError as error:
        raise GboardSimError(f"--plot {path}: cannot be written: {error.strerror}") from error
