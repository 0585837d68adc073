"""Reads experiment files: TOML, named variants, overrides, and errors that name the key."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import reduce
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ValidationError

from gboard_sim import catalogue, experiment_sweep
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import Experiment

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


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a sweep.

    Attributes:
        values: What the sweep chose, by `section.key`.
        experiment: What is run: with those values and its seed, without the sweep.
    """

    values: Mapping[str, Any]
    experiment: Experiment

    @property
    def setting(self) -> str:
        """The values in one line; runs that differ in their seed alone share it."""
        return experiment_sweep.label(self.values)

    @property
    def name(self) -> str:
        """What its run directory is called."""
        return experiment_sweep.run_name(self.values, self.experiment.run.seed)


def load(
    source: str | Path = "default",
    *,
    variant: str | None = None,
    overrides: Mapping[str, Any] | Iterable[str] = (),
) -> Experiment:
    """An experiment from a file or a shipped name.

    Args:
        source: A path to a TOML file, or `default`, `smoke`, `irc`.
        variant: The name of one of the file's `[variants.<name>]`, laid over the rest.
        overrides: `section.key` to value, or strings `section.key=value` with the value in TOML
            (a bare word counts as a string); laid over the variant.

    Raises:
        ExperimentError: The file, a key or a value is not usable; the message says which.
    """
    return load_sweep(source, variant=variant, overrides=overrides)[0]


def load_sweep(
    source: str | Path,
    *,
    variant: str | None = None,
    overrides: Mapping[str, Any] | Iterable[str] = (),
) -> tuple[Experiment, list[Point]]:
    """An experiment and the runs of its `[sweep]`, seed by seed for each setting.

    With `seeds`, a run's seed keys its privacy noise too, unless `privacy.seed` is swept. Arguments
    and errors as for `load`; a point that cannot be run is named by its values.
    """
    path = find(source)
    tree = read(path)
    variants = _variants(path, tree)
    if variant is not None:
        if variant not in variants:
            raise ExperimentError(
                f"{path}: no variant {variant!r}; there are: {', '.join(variants) or 'none'}"
            )
        changes = {k: v for k, v in variants[variant].items() if k != "description"}
        name = tree.pop("name", path.stem)
        tree = merge(tree, changes)
        tree["name"] = f"{name}-{variant}"
    pairs = overrides.items() if isinstance(overrides, Mapping) else map(_parse, overrides)
    for key, value in pairs:
        tree = _override(tree, key, value)
    tree.setdefault("name", path.stem)
    experiment = validate(tree, str(path))
    return experiment, _points(experiment, tree, str(path))


def _override(tree: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """The tables with one key overridden; a list of `[sweep]` is replaced however it is nested."""
    section, _, rest = key.partition(".")
    if section == "sweep" and rest and isinstance(sweep := tree.get("sweep", {}), Mapping):
        return {**tree, "sweep": {**experiment_sweep.flat(sweep), rest: value}}
    return merge(tree, _nest(key, value))


def _points(experiment: Experiment, tree: Mapping[str, Any], where: str) -> list[Point]:
    """The runs of a sweep, each validated; none where there is no sweep."""
    sweep = experiment.sweep
    base = {key: value for key, value in tree.items() if key != "sweep"}
    found = []
    for values in experiment_sweep.settings(sweep) if sweep else ():
        changes: dict[str, Any] = {}
        for key, value in values.items():  # merge would let `steps` displace `epochs`
            *tables, last = key.split(".")
            reduce(lambda table, part: table.setdefault(part, {}), tables, changes)[last] = value
        for seed in sweep.get("seeds", [experiment.run.seed]):
            seeds: dict[str, Any] = {"run": {"seed": seed}}
            if "seeds" in sweep and "privacy.seed" not in values:
                seeds["privacy"] = {"seed": seed}
            point = merge(merge(base, changes), seeds)
            said = experiment_sweep.label({**values, "seed": seed})
            found.append(Point(values, validate(point, f"{where}: [sweep] {said}")))
    return found


def find(source: str | Path) -> Path:
    """The file of a shipped name or a path.

    Raises:
        ExperimentError: There is no such file and no such name.
    """
    shipped = catalogue.experiments() / f"{source}.toml"
    path = Path(source)
    if path.is_file():
        return path
    if shipped.is_file():
        return shipped
    known = ", ".join(sorted(p.stem for p in catalogue.experiments().glob("*.toml")))
    raise ExperimentError(f"no experiment {str(source)!r}: give a TOML file or one of {known}")


def read(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ExperimentError: It cannot be read, is not UTF-8, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ExperimentError(f"{path}: not a readable TOML file: {error}") from error


def variants(path: Path) -> dict[str, str]:
    """The variants of a file, with their descriptions."""
    found = _variants(path, read(path))
    return {name: str(changes.get("description", "")) for name, changes in found.items()}


def _variants(path: Path, tree: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The variants of a file, taken out of its tables."""
    found = tree.pop("variants", {})
    wrong = {"variants": found}
    if isinstance(found, dict):
        wrong = {f"variants.{k}": v for k, v in found.items() if not isinstance(v, dict)}
    for key, value in wrong.items():
        raise ExperimentError(
            f"{path}: {key} = {value!r} is not allowed: a table of keys; hint: write "
            "[variants.<name>] and below it the keys that the variant changes"
        )
    return dict(found)


def machinery(
    workers: int | None, engine: str | None, ray_address: str | None
) -> dict[str, int | str]:
    """The overrides of what a run works on, which never changes a bit; None overrides nothing."""
    if engine == "local" and ray_address is None:
        ray_address = ""  # the cluster's address goes with the cluster
    given = {"run.workers": workers, "run.engine": engine, "run.ray_address": ray_address}
    return {key: value for key, value in given.items() if value is not None}


def dump(experiment: Experiment) -> str:
    """The experiment as a TOML file with every default written out."""
    tables = experiment.model_dump(mode="json", exclude={"sweep"})
    # As it was read: pydantic would turn what has no type and no JSON, infinity, into None.
    return tomli_w.dumps(_without_none({**tables, "sweep": experiment.sweep}))


def merge(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`tree` with `changes` laid over it, table by table.

    A table that takes another `name` or `optimizer` loses the options of the old one;
    and `epochs` and `steps` displace each other, so that a variant may turn one into the other.
    """
    renamed = "name" in changes and "name" in tree and changes["name"] != tree["name"]
    merged = {} if renamed else dict(tree)
    if changes.get("optimizer", tree.get("optimizer")) != tree.get("optimizer"):
        merged.pop("options", None)
    for one, other in (("epochs", "steps"), ("steps", "epochs")):
        if one in changes and other not in changes:
            merged.pop(other, None)
    for key, value in changes.items():
        below = merged.get(key)
        deeper = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = merge(below, value) if deeper else value  # type: ignore[arg-type]  # a table
    return merged


def validate(tree: Mapping[str, Any], where: str) -> Experiment:
    """The experiment that the tables describe.

    Raises:
        ExperimentError: Names the place, the key, the value, what is allowed, and a near key.
    """
    try:
        return Experiment.model_validate(_tuples(tree))
    except ValidationError as error:
        worst = max(error.errors(include_url=False), key=_tells)
        raise ExperimentError(f"{where}: {_say(worst)}") from error


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
            table = _table_of(table.model_fields[part].annotation) or table
    return list(table.model_fields)


def _table_of(annotation: Any) -> type[BaseModel] | None:
    """The table class inside an annotation such as `Pretraining | None` or `dict[str, Budget]`."""
    options = (annotation, *getattr(annotation, "__args__", ()))
    return next((a for a in options if isinstance(a, type) and issubclass(a, BaseModel)), None)


def _parse(override: str) -> tuple[str, Any]:
    """`section.key=value`, the value read as TOML and otherwise as a string."""
    key, found, text = override.partition("=")
    if not found or not key.strip():
        raise ExperimentError(f"--set {override!r}: must be section.key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), text.strip()


def _nest(key: str, value: Any) -> dict[str, Any]:
    """`{"a": {"b": value}}` for the key `a.b`."""
    for part in reversed(key.split(".")):
        value = {part: value}
    nested: dict[str, Any] = value
    return nested


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples, whole numbers left as they are, outside `[sweep]`."""
    if isinstance(value, Mapping):
        return {k: v if k == "sweep" else _tuples(v) for k, v in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _without_none(value: Any) -> Any:
    """TOML has no null: a key that is None is left out, and its default is None again."""
    if isinstance(value, Mapping):
        return {k: _without_none(v) for k, v in value.items() if v is not None}
    return value
