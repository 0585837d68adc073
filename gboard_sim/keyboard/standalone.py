"""The loader as one file that runs without gboard_sim: what `export` puts beside an artefact.

The modules of ours that `keyboard.py` imports stand in the place of their imports.
"""

import re
from importlib.resources import files

ERROR = '''class ArtefactError(Exception):
    """A folder of artefacts that cannot be used: the file and the reason."""
'''

_OURS = re.compile(r"^from gboard_sim\.(?:keyboard\.)?(\w+) import .*\n", re.MULTILINE)


def standalone() -> str:
    """The source of the loader."""
    return _with_its_imports("keyboard", {"keyboard"})


def _with_its_imports(name: str, there: set[str]) -> str:
    """The source of a module of this package; each other module stands where it is first needed.

    Args:
        name: The module.
        there: Modules that stand further up; added to.
    """
    source = (files("gboard_sim.keyboard") / f"{name}.py").read_text(encoding="utf-8")

    def instead(match: re.Match[str]) -> str:
        needed = match[1]
        if needed in there:
            return ""
        there.add(needed)
        return f"\n{ERROR if needed == 'errors' else _with_its_imports(needed, there)}\n"

    return _OURS.sub(instead, source)
