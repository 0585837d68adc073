"""The command `gboard-sim list`: the names that an experiment file may use, and what they mean."""

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from gboard_sim.cli.screen import AsJson, print_json, screen
from gboard_sim.errors import GboardSimError

What = Annotated[
    str | None,
    typer.Argument(metavar="[WHAT]", help="schedules, codecs, keys, compatibility, ...: see list."),
]
Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Of them, these alone; of keys, these tables."),
]
_AXES = ("schedules", "codecs", "mechanisms")


def list_entries(what: What = None, only: Names = None, as_json: AsJson = False) -> None:
    """What an experiment file may name; with WHAT, what each is, its options and its keys."""
    from gboard_sim import registry
    from gboard_sim.experiment import keys as experiment_keys

    catalogues = registry.names()
    kinds = [*catalogues, "keys", "compatibility"]
    with screen(quiet=True):
        if what is not None:
            _known([what], kinds, "gboard-sim list")
        if what is None:
            if as_json:
                print_json(catalogues)
            else:
                _overview(catalogues, experiment_keys.tables())
        elif what == "keys":
            _keys(only, as_json)
        elif what == "compatibility":
            _compatibility(only or [], as_json)
        else:
            _known(only or [], catalogues[what], what)
            found = [e for e in registry.entries(what) if not only or e.name in only]
            if as_json:
                print_json([asdict(entry) for entry in found])
                return
            _print_rows({entry.name: f"{entry.said}{_options(entry.options)}" for entry in found})


def _overview(catalogues: Mapping[str, list[str]], tables: list[str]) -> None:
    _print_rows(
        {
            **{kind: ", ".join(found) for kind, found in catalogues.items()},
            "keys": ", ".join(tables),
            "compatibility": "which schedule, codec and mechanism compose",
        }
    )
    print()
    print(
        _wrapped(
            "gboard-sim list WHAT says what each is and which options it has; such as: list "
            "schedules, list keys protocol, list compatibility lazy."
        )
    )


def _keys(tables: list[str] | None, as_json: bool) -> None:
    from gboard_sim.experiment.keys import REQUIRED, keys_of

    found = [key for table in tables for key in keys_of(table)] if tables else keys_of()
    if as_json:
        print_json([asdict(key) for key in found])
        return
    for key in found:
        default = "" if not key.default else f" = {key.default}"
        if key.default == REQUIRED:
            default = f", {REQUIRED}"
        print(f"{key.name}{default}  ({key.values})")
        print(f"    {_wrapped(key.said, 4)}")


def _compatibility(only: list[str], as_json: bool) -> None:
    """What composes, a block for each rule; with names, the rules about all of them."""
    from gboard_sim.communication.compatibility import ALONE, ENTRIES

    rules = [asdict(entry) for entry in ENTRIES]
    named = dict.fromkeys(name for rule in rules for axis in _AXES for name in rule[axis])
    _known(only, list(named), "compatibility")
    found = list(_about(rules, only))
    if as_json:
        print_json(found)
        return
    for rule in found:
        reason = f": {rule['reason']}" if rule["reason"] else ""
        weights = ", ".join(rule["weights"]) or "refused"
        rows = {axis: ", ".join(rule[axis]) for axis in _AXES}
        _print_rows({**rows, "server.weights": f"{weights}{reason}"})
        print()
    for choice, (mechanisms, reason) in ALONE.items():
        print(
            _wrapped(
                f"{choice} composes with privacy.mechanism {', '.join(mechanisms)} alone: {reason}"
            )
        )


def _about(rules: list[dict[str, Any]], only: list[str]) -> Iterator[dict[str, Any]]:
    """The rules that speak of every one of some names, cut down to them."""
    for rule in rules:
        cut = {axis: [n for n in rule[axis] if n in only] or rule[axis] for axis in _AXES}
        if all(any(name in cut[axis] for axis in _AXES) for name in only):
            yield rule | cut


def _known(asked: list[str], names: list[str], where: str) -> None:
    """Refuses a name that is not one of those."""
    for name in asked:
        if name not in names:
            close = get_close_matches(name, names, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise GboardSimError(f"{where}: no {name!r}: must be one of {', '.join(names)}{hint}")


def _print_rows(rows: Mapping[str, str]) -> None:
    """Each name and, beside it, what is said of it."""
    wide = max(map(len, rows), default=0) + 2
    for name, said in rows.items():
        print(f"{name:<{wide}}{_wrapped(said, wide)}")


def _wrapped(said: str, indent: int = 0) -> str:
    """Text in lines of the terminal's width, all but the first behind an indent."""
    return textwrap.fill(
        said,
        max(indent + 30, shutil.get_terminal_size().columns - 1),
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    ).lstrip()


def _options(options: Mapping[str, Any]) -> str:
    written = (f"{key}={_value(value)}" for key, value in options.items())
    return f" [{', '.join(written)}]" if options else ""


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else json.dumps(value)
