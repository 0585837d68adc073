"""Overrides: keys that a call gives beside an experiment's file, such as `--set run.days=3`."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gboard_sim.errors import ExperimentError

SWEEP = "sweep."


@dataclass(frozen=True, slots=True)
class Override:
    """One of them.

    Attributes:
        key: The key that is overridden, such as `run.days`.
        value: By what.
        said: As the user gave it.
    """

    key: str
    value: Any
    said: str


Overrides = Mapping[str, Any] | Iterable[str | Override]
"""`section.key` to value, or strings `section.key=value`."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an experiment's keys come from: what a message about one of them begins with.

    Attributes:
        path: Of the file.
        file: Its tables, without the overrides.
        overrides: What is laid over them.
        point: Of a sweep, what it has chosen; empty outside of one.
    """

    path: str
    file: Mapping[str, Any]
    overrides: tuple[Override, ...]
    point: str = ""

    def of(self, key: str, wrong: str, *, usable: bool) -> str:
        """The override that gives a key, or those of a table that fails with them, or the file.

        Args:
            key: What is wrong: a key, a table, or the whole file, which has no name.
            wrong: What is wrong with it; overrides of keys that it names come before others.
            usable: Whether the file can be used without the overrides.
        """
        keys = {each.said: each.key for each in self.overrides}
        if self.point:
            keys = {said: each.removeprefix(SWEEP) for said, each in keys.items()}
        giving = [said for said, each in keys.items() if f"{key}.".startswith(f"{each}.")]
        beside = [said for said, each in keys.items() if not key or each.startswith(f"{key}.")]
        where = self.path
        if giving:
            where = giving[-1]
        elif beside and usable:
            named = [said for said in beside if keys[said] in wrong]
            where += f" with {', '.join(named or beside)}"
        return f"{where}: [sweep] {self.point}" if self.point else where


def read(overrides: Overrides) -> list[Override]:
    """The overrides that a caller gives.

    Raises:
        ExperimentError: One is not `section.key=value`, or gives what another gives otherwise.
    """
    if isinstance(overrides, Mapping):
        found = [Override(key, value, f"overrides[{key!r}]") for key, value in overrides.items()]
    else:
        found = [each if isinstance(each, Override) else _parse(each) for each in overrides]
    by_key = {override.key: override for override in found}
    for key, override in by_key.items():
        other = _instead(key)
        if other in by_key:
            raise ExperimentError(
                f"{override.said} and {by_key[other].said}: one of epochs and steps must be set; "
                "hint: leave one out"
            )
    return found


def _parse(override: str) -> Override:
    """`section.key=value`, the value read as TOML and otherwise as a string."""
    key, found, text = override.partition("=")
    if not found or not key.strip():
        raise ExperimentError(f"--set {override!r}: must be section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    return Override(key.strip(), value, f"--set {override}")


def _instead(key: str) -> str | None:
    """The key that may not stand beside a number of epochs."""
    table, _, last = key.rpartition(".")
    return f"{table}.steps" if last == "epochs" else None


def changes(overrides: Iterable[Override]) -> dict[str, Any]:
    """The tables that overrides make; of two that give the same key the last one counts.

    Raises:
        ExperimentError: One gives a key in what another gives as no table.
    """
    made: dict[str, Any] = {}
    for override in overrides:
        if override.key.startswith(SWEEP):  # its keys have dots
            tables, last = ["sweep"], override.key.removeprefix(SWEEP)
        else:
            *tables, last = override.key.split(".")
        table = made
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ExperimentError(f"{override.said}: {part!r} was given as no table before")
        table[last] = _laid(table.get(last), override.value)
    return made


def _laid(below: Any, value: Any) -> Any:
    """A value in the place of another; tables are made one, which later overrides may change."""
    if not isinstance(value, Mapping):
        return value
    held = below if isinstance(below, dict) else {}
    return held | {key: _laid(held.get(key), inner) for key, inner in value.items()}
