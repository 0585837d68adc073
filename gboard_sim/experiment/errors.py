"""What is wrong with an experiment's tables, as one line: the key, the value, what is allowed."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from gboard_sim.experiment.experiment import Experiment
from gboard_sim.experiment.keys import table_of

_ALLOWED_HINTS = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a string",
    "model_type": "a table of keys",
    "dict_type": "a table of keys",
    "list_type": "a list",
    "too_short": "at least one number; the last one holds for all later versions",
}

_TOO_MUCH = {
    "fleet.phones": "a phone takes some 4 kB of memory",
    "privacy.clip": "updates are float32 and far smaller",
    "privacy.delta": "it is the chance that the promise fails",
    "run.days": "phones, networks and habits stay the same for all of a run",
    "text.held_out_share": "phones train on the rest",
    "text.messages_per_user": "users are cut to 1000 messages, so that their mean would fall short",
}


def worst(error: ValidationError) -> tuple[str, str]:
    """The key that tells most of what is wrong, and the line about it."""
    found = max(error.errors(include_url=False), key=_tells)
    path = [part for part in found["loc"] if not _is_branch(part)]
    return ".".join(str(part) for part in path), _say(found)


def _tells(error: Any) -> tuple[bool, int, bool]:
    """How much one validation error tells: a misspelt key is why another one is missing."""
    return error["type"] == "extra_forbidden", len(error["loc"]), error["type"] == "too_short"


def _say(error: Any) -> str:
    """One validation error as one line."""
    path = [part for part in error["loc"] if not _is_branch(part)]
    key = ".".join(str(part) for part in path)
    if error["type"] == "extra_forbidden":
        close = get_close_matches(str(path[-1]), _known(path[:-1]), n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(_known(path[:-1]))}"
        return f"unknown key {key!r} (={error['input']!r}); {hint}"
    if error["type"] == "missing":
        return f"{key} is missing; it has no default"
    message = _ALLOWED_HINTS.get(error["type"], error["msg"].removeprefix("Value error, "))
    if isinstance(error["input"], Mapping):
        return f"[{key}] {message}" if key else message
    hint = f"; hint: {_TOO_MUCH[key]}" if "less_than" in error["type"] and key in _TOO_MUCH else ""
    return f"{key} = {error['input']!r} is not allowed: {message[0].lower()}{message[1:]}{hint}"


def _is_branch(part: object) -> bool:
    """Whether pydantic put the name of a union's branch into the path of an error."""
    text = str(part)
    return text in {"constrained-int", "int", "float", "none"} or "[" in text


def _known(path: list[Any]) -> list[str]:
    """The keys that a table has."""
    table: type[BaseModel] = Experiment
    for part in path:
        if part in table.model_fields:
            table = table_of(table.model_fields[part].annotation) or table
    return list(table.model_fields)
