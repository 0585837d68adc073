"""Finds the entries of `devices/`, `models/` and the shipped experiments by name.

A folder of the user's own (`GBOARD_SIM_PATH`, or `devices/` and `models/` below the working
directory) is looked through first, then the data that ships with the package. In a wheel that data
lies in `gboard_sim/_data`, in a checkout beside the package.
"""

import os
import tomllib
from collections.abc import Iterator
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from gboard_sim.errors import CatalogueError

USER_PATH_VARIABLE = "GBOARD_SIM_PATH"


def roots() -> Iterator[Path]:
    """The folders that hold `devices/` and `models/`, the user's first."""
    named = os.environ.get(USER_PATH_VARIABLE)
    yield Path(named) if named else Path.cwd()
    package = Path(str(files("gboard_sim")))
    yield package / "_data" if (package / "_data").is_dir() else package.parent


def names(kind: str) -> list[str]:
    """Every entry of a kind such as `devices/phones` or `models`, sorted."""
    found = set[str]()
    for root in roots():
        found |= {path.stem for path in (root / kind).glob("*.toml")}
        found |= {path.parent.name for path in (root / kind).glob("*/spec.toml")}
    return sorted(found)


def locate(kind: str, name: str) -> Path:
    """The file or folder of one entry.

    Raises:
        CatalogueError: No folder holds it; names what there is.
    """
    for root in roots() if name else ():
        for path in (root / kind / f"{name}.toml", root / kind / name):
            if path.exists():
                return path
    raise _missing(kind, name)


def _missing(kind: str, name: str) -> CatalogueError:
    """What to say of a name that a kind does not have."""
    known = names(kind)
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
    return CatalogueError(f"{kind}: no entry {name!r}; {hint}")


def read(kind: str, name: str) -> dict[str, Any]:
    """One TOML entry as plain data.

    Raises:
        CatalogueError: It is missing, unreadable, not UTF-8, or not TOML.
    """
    path = locate(kind, name)
    if path.is_dir():
        path = path / "spec.toml"
        if not path.exists():  # a folder of other data, such as models/law
            raise _missing(kind, name)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path}: not a readable TOML file: {error}") from error


def experiments() -> Path:
    """The folder of shipped experiment files."""
    return Path(str(files("gboard_sim"))) / "experiments"
