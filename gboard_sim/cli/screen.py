"""What every command shows while it works, and how Ctrl-C, SIGTERM and SIGHUP end it."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gboard_sim.errors import GboardSimWarning

if TYPE_CHECKING:
    from gboard_sim.progress import Step, Watch

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, alone.")]

INTERRUPTED = 130
TERMINATED = 143

ENDING = (signal.SIGTERM, signal.SIGHUP)
"""What ends a run beside Ctrl-C: somebody's wish, and a terminal that is closed."""


def width() -> int | None:
    """Characters in a line of stdout; None where it is no terminal and none are asked for."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return None
    return shutil.get_terminal_size().columns


def print_json(value: Any) -> None:
    """Data on stdout, alone."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


@contextmanager
def screen(quiet: bool, *, resumes: bool = False) -> "Iterator[Watch | None]":
    """Progress on stderr while the body runs; Ctrl-C and `ENDING` end it with one message."""
    heeded = [each for each in ENDING if signal.getsignal(each) is not signal.SIG_IGN]  # nohup
    before = {each: signal.signal(each, _terminate) for each in heeded}
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
        for each, handler in before.items():
            signal.signal(each, handler)


class _Terminated(KeyboardInterrupt):
    """One of `ENDING`: what Ctrl-C is, with another status."""


def _terminate(*_: object) -> NoReturn:
    """Ends the run, which then tidies up without heeding a second signal."""
    for each in ENDING:
        signal.signal(each, signal.SIG_IGN)
    raise _Terminated


def say_warning(
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
