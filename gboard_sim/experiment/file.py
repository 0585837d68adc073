"""Reads experiment files: TOML, named variants, overrides, and errors that name the key."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from gboard_sim import catalogue
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import errors as experiment_errors
from gboard_sim.experiment import overrides as experiment_overrides
from gboard_sim.experiment import sweep as experiment_sweep
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.experiment.overrides import SWEEP, Origin, Override, Overrides


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
    source: str | Path = "default", *, variant: str | None = None, overrides: Overrides = ()
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
    return _load(source, variant, experiment_overrides.read(overrides))[0]


def load_sweep(
    source: str | Path, *, variant: str | None = None, overrides: Overrides = ()
) -> tuple[Experiment, list[Point]]:
    """An experiment and the runs of its `[sweep]`, seed by seed for each setting.

    With `seeds`, a run's seed keys its privacy noise too, unless `privacy.seed` is swept. Arguments
    and errors as for `load`; a point that cannot be run is named by its values, and an override
    that no point would use is refused.
    """
    given = experiment_overrides.read(overrides)
    experiment, points = _load(source, variant, given)
    for override in given:
        if points and not any(_is_used(override, point.experiment) for point in points):
            _refuse_unused(override, given, source, variant)
    return experiment, points


def _refuse_unused(
    override: Override, given: list[Override], source: str | Path, variant: str | None
) -> None:
    """Refuses an override that the sweep's own values replace everywhere.

    Unless the experiment needs it, which has to be valid without its sweep.
    """
    try:
        _load(source, variant, [other for other in given if other is not override])
    except ExperimentError:
        return
    raise ExperimentError(
        f"{override.said}: no run would use it: [sweep] gives {override.key} or what displaces it; "
        f"hint: --set sweep.{override.key}=[...] replaces the sweep's list"
    )


def _load(
    source: str | Path, variant: str | None, overrides: list[Override]
) -> tuple[Experiment, list[Point]]:
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
    tree.setdefault("name", path.stem)
    origin = Origin(str(path), tree, tuple(overrides))
    changed = experiment_overrides.changes(overrides)
    lists = changed.get("sweep")
    if isinstance(lists, Mapping) and isinstance(sweep := tree.get("sweep", {}), Mapping):
        tree["sweep"] = experiment_sweep.flat(sweep)  # a list is replaced however it is nested
    tree = merge(tree, changed)
    experiment = validate(tree, origin)
    return experiment, _points(experiment, tree, origin)


def _points(experiment: Experiment, tree: Mapping[str, Any], origin: Origin) -> list[Point]:
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
            found.append(Point(values, validate(point, replace(origin, point=said))))
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


def validate(tree: Mapping[str, Any], origin: Origin) -> Experiment:
    """The experiment that the tables describe.

    Raises:
        ExperimentError: Names the origin, the key, the value, what is allowed, and a near key.
    """
    try:
        return Experiment.model_validate(_tuples(tree))
    except ValidationError as error:
        key, said = experiment_errors.worst(error)
        where = origin.of(key, said, usable=_is_valid(origin.file))
        raise ExperimentError(f"{where}: {said}") from error


def _is_valid(tree: Mapping[str, Any]) -> bool:
    try:
        Experiment.model_validate(_tuples(tree))
    except ValidationError:
        return False
    return True


def _is_used(override: Override, experiment: Experiment) -> bool:
    """Whether an experiment has the value that an override gives; of tables that is not asked."""
    if override.key.startswith(SWEEP) or isinstance(override.value, Mapping):
        return True
    found: Any = experiment.model_dump()
    for part in override.key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return bool(found == _tuples(override.value))


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
