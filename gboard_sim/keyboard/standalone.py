"""The loader as one file that runs without gboard_sim: what `export` puts beside an artefact.

The modules of ours that `keyboard.py` imports stand in the place of their imports.
"""

from importlib.resources import files

ERROR = '''
class ArtefactError(Exception):
    """A folder of artefacts that cannot be used: the file and the reason."""

'''


def standalone() -> str:
    """The source of the loader."""
    inlined = {
        "from gboard_sim.errors import ArtefactError\n": ERROR,
        "from gboard_sim.keyboard.compose import MOST, continuations\n": _source("compose.py"),
        "from gboard_sim.keyboard.words import strip, tokens\n": _source("words.py"),
    }
    source = _source("keyboard.py")
    for line, instead in inlined.items():
        source = source.replace(line, instead, 1)
    return source


def _source(name: str) -> str:
    """The source of a module of this package."""
    return (files("gboard_sim.keyboard") / name).read_text(encoding="utf-8")
