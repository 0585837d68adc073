"""The names that experiment files may use, and what stands behind each."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from inspect import signature
from typing import Any

from gboard_sim import catalogue
from gboard_sim.communication import codecs, schedules
from gboard_sim.communication.codecs import CODECS
from gboard_sim.communication.schedules import SCHEDULES
from gboard_sim.experiment import file as experiment_file
from gboard_sim.learning.model.spec import load_spec
from gboard_sim.learning.server_optimizers import OPTIMIZERS
from gboard_sim.privacy.mechanisms import MECHANISMS


@dataclass(frozen=True, slots=True)
class Listed:
    """One name.

    Attributes:
        name: As an experiment file has it.
        said: What it is.
        options: The keys of its own, with their defaults.
    """

    name: str
    said: str
    options: Mapping[str, Any]


def names() -> dict[str, list[str]]:
    """Every catalogue, by what `gboard-sim list` calls it."""
    devices = ("phones", "networks", "availability", "fleets")
    return {
        "experiments": sorted(path.stem for path in catalogue.experiments().glob("*.toml")),
        **{kind: catalogue.names(f"devices/{kind}") for kind in devices},
        "models": catalogue.names("models"),
        "server_optimizers": list(OPTIMIZERS),
        "schedules": list(SCHEDULES),
        "codecs": list(CODECS),
        "mechanisms": list(MECHANISMS),
    }


def entries(kind: str) -> list[Listed]:
    """What stands behind every name of a catalogue, a key of `names`."""
    return [_listed(kind, name) for name in names()[kind]]


def _listed(kind: str, name: str) -> Listed:
    options: Mapping[str, Any] = {}
    match kind:
        case "experiments":
            said = _experiment(name)
        case "models":
            said = _model(name)
        case "server_optimizers":
            given = signature(OPTIMIZERS[name]).parameters.values()
            said, options = _says(name, OPTIMIZERS), {p.name: p.default for p in given}
        case "schedules":
            said, options = _says(name, SCHEDULES), _defaults(name, SCHEDULES, schedules)
        case "codecs":
            said, options = _says(name, CODECS), _defaults(name, CODECS, codecs)
        case "mechanisms":
            said = _says(name, MECHANISMS)
        case _:
            said = str(catalogue.read(f"devices/{kind}", name).get("title", ""))
    return Listed(name, said, options)


def _experiment(name: str) -> str:
    path = catalogue.experiments() / f"{name}.toml"
    said = str(experiment_file.read(path).get("description", ""))
    variants = ", ".join(experiment_file.variants(path))
    return f"{said} Variants: {variants}." if variants else said


def _model(name: str) -> str:
    spec = load_spec(name)
    sizes = f"{spec.cell}, {spec.units} units, {spec.vocabulary:,} tokens"
    return f"{sizes}: {spec.parameters:,} parameters"


def _says(name: str, of: Mapping[str, Any]) -> str:
    """What a file says of the one thing in it; where it holds several, what each says of itself."""
    home = of[name].__module__
    alone = sum(other.__module__ == home for other in of.values()) == 1
    said = sys.modules[home].__doc__ if alone else of[name].__doc__
    return str(said).partition("\n")[0]


def _defaults(name: str, of: Mapping[str, Any], package: Any) -> dict[str, Any]:
    """The keys of a schedule or codec, with their defaults."""
    known: Iterable[str] = package.options(name)
    return {field.name: field.default for field in fields(of[name]) if field.name in known}
