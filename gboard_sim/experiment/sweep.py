"""`[sweep]`: lists of values by key, and the settings and seeds that they make.

```toml
[sweep]
seeds = [1, 2, 3]                   # every setting runs with every seed
training.steps = [4, 16]            # a grid: every value with every other
schedule = [{ name = "fixed" }, { name = "every_kth", k = 4 }]   # whole tables, laid over
server.optimizer = ["fed_avg", "adam"]
server.learning_rate = [1.0, 0.02]
zip = [["server.optimizer", "server.learning_rate"]]   # lists in step: as one list of pairs
```
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import product
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

MOST_RUNS = 10_000
"""Runs of one sweep (assumed: more is a slip, such as a grid of lists that belong in step)."""

LONGEST_NAME = 120
"""Characters of a run directory's name (assumed; file systems take 255 bytes)."""

_IN_NAMES = str.maketrans({"(": "-", " ": "-", ")": None, "[": None, "]": None})

_RESERVED = ("seeds", "zip")
_REFUSED = {
    "name": "it names the sweep",
    "description": "it changes nothing",
    "sweep": "a sweep has no sweeps",
    "run.seed": "write seeds = [1, 2, 3], so that every setting meets the same worlds",
    "run.workers": "it never changes a result; give --workers",
    "run.engine": "it never changes a result",
    "run.ray_address": "it never changes a result",
}


def flat(sweep: Any) -> Any:
    """Tables within the table as dotted keys: `[sweep.training] steps` is `training.steps`."""
    return dict(_leaves(sweep)) if isinstance(sweep, Mapping) else sweep


def _once(sweep: Any) -> Any:
    """The same, and refuses a key that is written both ways."""
    if isinstance(sweep, Mapping):
        keys = [key for key, _ in _leaves(sweep)]
        for key in keys:
            if keys.count(key) > 1:
                raise ValueError(f"{key} is given twice")
    return flat(sweep)


def _leaves(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _checked(sweep: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Refuses lists that make no grid."""
    for key, values in sweep.items():
        if not values:
            raise ValueError(f"{key} = [] has no values; hint: leave the key out")
    _check_seeds(sweep.get("seeds"))
    keys = [key for key in sweep if key not in _RESERVED]
    for key in keys:
        if key in _REFUSED:
            raise ValueError(f"{key} cannot be swept: {_REFUSED[key]}")
        inside = [other for other in keys if other.startswith(f"{key}.")]
        if inside:
            raise ValueError(f"{key} holds {inside[0]} already; hint: write it into the tables")
    _check_zip(sweep, keys)
    for group in _groups(sweep):
        seen: set[str] = set()
        for chosen in zip(*(sweep[key] for key in group), strict=True):
            said = label(dict(zip(group, chosen, strict=True)))
            if said in seen:
                raise ValueError(f"{said} is given twice")
            seen.add(said)
    runs = len(sweep.get("seeds", [0]))
    for group in _groups(sweep):
        runs *= len(sweep[group[0]])
    if runs > MOST_RUNS:
        raise ValueError(
            f"makes {runs:,} runs; allowed: at most {MOST_RUNS:,}; hint: zip takes lists in step"
        )
    return sweep


def _check_seeds(seeds: list[Any] | None) -> None:
    for seed in seeds or ():
        if type(seed) is not int or not 0 <= seed < 2**63:
            raise ValueError(f"seeds: {seed!r} is not allowed: a whole number from 0 to 2^63 - 1")
    if seeds and len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds = {seeds} has a seed twice")


def _check_zip(sweep: Mapping[str, list[Any]], keys: Sequence[str]) -> None:
    taken: set[str] = set()
    for group in sweep.get("zip", ()):
        if not isinstance(group, list) or len(group) < 2:
            raise ValueError(
                f'zip: {group!r} is not allowed: lists of keys, such as [["a.b", "c.d"]]'
            )
        for key in group:
            if key not in keys:
                known = ", ".join(keys) or "none"
                raise ValueError(f"zip: {key!r} has no list of values; there are: {known}")
            if key in taken:
                raise ValueError(f"zip: {key!r} is named twice")
            taken.add(key)
        lengths = {key: len(sweep[key]) for key in group}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            raise ValueError(f"zip: lists in step must be as long as each other: {said}")


Sweep = Annotated[dict[str, list[Any]], BeforeValidator(_once), AfterValidator(_checked)]


def axes(sweep: Mapping[str, list[Any]]) -> list[str]:
    """The keys that are swept, in the file's order."""
    return [key for key in sweep if key not in _RESERVED]


def settings(sweep: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The grid: each setting's values by key; the last key of the file changes fastest."""
    groups = _groups(sweep)
    steps = [list(zip(*(sweep[key] for key in group), strict=True)) for group in groups]
    found = []
    for chosen in product(*steps):
        values = {
            key: value
            for group, of_group in zip(groups, chosen, strict=True)
            for key, value in zip(group, of_group, strict=True)
        }
        found.append({key: values[key] for key in axes(sweep)})
    return found


def _groups(sweep: Mapping[str, list[Any]]) -> list[list[str]]:
    """Keys whose lists go in step; the others are alone. By the first key's place."""
    zipped = {key: list(group) for group in sweep.get("zip", ()) for key in group}
    found: list[list[str]] = []
    for key in axes(sweep):
        group = zipped.get(key, [key])
        if group not in found:
            found.append(group)
    return found


def text(value: Any) -> str:
    """A value as it stands in a label: words bare, a table as `every_kth(k=4)`, by its name."""
    if isinstance(value, Mapping):
        options = [f"{key}={text(inner)}" for key, inner in value.items() if key != "name"]
        inside = f"({' '.join(options)})" if options or "name" not in value else ""
        return f"{text(value.get('name', ''))}{inside}"
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(text, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def label(values: Mapping[str, Any]) -> str:
    """A setting in one line: `training.steps=4, schedule.k=2`."""
    return ", ".join(f"{key}={text(value)}" for key, value in values.items())


def run_name(values: Mapping[str, Any], seed: int) -> str:
    """The name of a run's directory, which tells its point: `training.steps=4_seed=1`.

    It depends on nothing but the point, so that a grid can grow in its directory. Where a
    character cannot stand in a name, or the name is too long, a digest makes it unique.
    """
    said = label({**values, "seed": seed}).replace(", ", "_")
    name = said.translate(_IN_NAMES)
    plain = re.sub(r"[^A-Za-z0-9._=+-]+", "-", name)
    words = "".join(_words(list(values.values())))
    if plain == name and len(name) <= LONGEST_NAME and not re.search(r"[^A-Za-z0-9._+-]", words):
        return name
    digest = sha256(said.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_NAME - 9]}-{digest}"


def _words(value: Any) -> Iterator[str]:
    """The strings in a value."""
    if isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _words(inner)
    elif isinstance(value, str):
        yield value
