"""Every key that an experiment file may have: its values, its default, and what it means.

They are read off the classes of the tables and their docstrings, so that they cannot differ.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Annotated, Any, Literal, get_args, get_origin

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.experiment.values import Table

REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Attributes:
        name: Such as `run.days`.
        values: What it may hold, by type or by name.
        default: As it would be written; empty for none, or `required`.
        said: What it means.
    """

    name: str
    values: str
    default: str
    said: str


def keys_of(section: str | None = None) -> list[Key]:
    """The keys of a table and of those below it; None for all of the file's.

    Raises:
        ExperimentError: There is no such table.
    """
    every = list(_keys(Experiment, ""))
    if section is None:
        return every
    found = [key for key in every if key.name == section or key.name.startswith(f"{section}.")]
    if not found:
        raise ExperimentError(f"no table {section!r}: must be one of {', '.join(tables())}")
    return found


def tables() -> list[str]:
    """The tables of an experiment file."""
    fields = Experiment.model_fields
    return [name for name, field in fields.items() if table_of(field.annotation)]


def table_of(annotation: Any) -> type[Table] | None:
    """The table inside an annotation such as `Pretraining | None` or `dict[str, ClassWork]`."""
    options = (annotation, *get_args(annotation))
    return next((a for a in options if isinstance(a, type) and issubclass(a, Table)), None)


def _keys(table: type[Table], prefix: str) -> Iterator[Key]:
    for name, field in table.model_fields.items():
        inner = table_of(field.annotation)
        if inner is not None:
            each = ".<name>" if get_origin(field.annotation) is dict else ""
            yield from _keys(inner, f"{prefix}{name}{each}.")
            continue
        default = REQUIRED if field.is_required() else _written(field.get_default())
        yield Key(prefix + name, _values(field.annotation), default, _said(table, name))


def _written(default: Any) -> str:
    return "" if default is None else json.dumps(default)


def _values(annotation: Any) -> str:
    """Names that are allowed, or the types."""
    if get_origin(annotation) is Annotated:
        return _values(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return " | ".join(str(name) for name in get_args(annotation))
    if get_origin(annotation) is tuple:
        inner = dict.fromkeys(_values(each) for each in get_args(annotation) if each is not ...)
        return f"[{', '.join(inner)}]"
    if get_origin(annotation) is dict:
        return "table"
    if isinstance(annotation, type):
        return annotation.__name__
    options = (_values(each) for each in get_args(annotation) if each is not type(None))
    return " | ".join(dict.fromkeys(options))


def _said(table: type[Table], name: str) -> str:
    """What the docstring of the table, or of one that it is made of, says of a key."""
    for kind in table.__mro__:
        _, _, attributes = cleandoc(kind.__doc__ or "").partition("Attributes:\n")
        found = re.search(rf"^    {name}: (.*(?:\n {{8}}.*)*)", attributes, re.MULTILINE)
        if found:
            return " ".join(found[1].split())
    return ""
