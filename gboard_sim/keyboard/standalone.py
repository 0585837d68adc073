"""The loader as files that run without gboard_sim: what `export` puts beside an artefact.

`keyboard.py` is what one reads and runs; the modules of ours that it needs lie in `loader/`.
"""

import re
from importlib.resources import files

FOLDER = "loader"

_OURS = re.compile(r"^from gboard_sim\.(?:keyboard\.)?(\w+) import ", re.MULTILINE)

_ERRORS = '''"""What can be wrong with a folder of artefacts."""


class ArtefactError(Exception):
    """A folder of artefacts that cannot be used: the file and the reason."""
'''


def standalone() -> dict[str, str]:
    """The sources of the loader by the names of their files."""
    found: dict[str, str] = {}
    wanted = ["keyboard"]
    while wanted:
        name = wanted.pop()
        place = "keyboard.py" if name == "keyboard" else f"{FOLDER}/{name}.py"
        if place not in found:
            source = _ERRORS if name == "errors" else _source(name)
            wanted += _OURS.findall(source)
            found[place] = _OURS.sub(rf"from {FOLDER}.\1 import ", source)
    return dict(sorted(found.items()))


def _source(name: str) -> str:
    """The source of a module of this package."""
    return (files("gboard_sim.keyboard") / f"{name}.py").read_text(encoding="utf-8")
