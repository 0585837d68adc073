"""The commands of `gboard-sim corpus`: a look at text before training on it."""

from pathlib import Path
from typing import Annotated

import typer

from gboard_sim.cli.screen import AsJson, print_json, screen

corpus_app = typer.Typer(help="Look at text before training on it.", no_args_is_help=True)


@corpus_app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="JSON lines, CSV or Parquet; .gz too.")],
    as_json: AsJson = False,
) -> None:
    """Users, utterances, words, sizes per user, and the first bad lines of a file."""
    from gboard_sim.learning.text.corpus_reader import inspect as look

    with screen(quiet=True):
        facts = look(file).as_dict()
        if as_json:
            print_json(facts)
            return
        for key, value in facts.items():
            if isinstance(value, list):
                print(f"{key}:", *(f"\n  {line}" for line in value) if value else ("none",))
            else:
                print(f"{key:<24} {value}")
