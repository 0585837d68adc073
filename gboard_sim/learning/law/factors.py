"""The factors of the synthetic law as they are stored: `words.txt` and `law.npz` of one folder."""

from dataclasses import dataclass, fields
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from gboard_sim.errors import CatalogueError
from gboard_sim.seam.records import Floats

ARRAYS = "law.npz"
WORDS = "words.txt"


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """The parts from which `Law.of` makes a law. Shares may have any scale.

    Attributes:
        words: The words, most frequent first. Length W.
        topic_share: Weight of each topic. Shape [Z].
        concentration: Sum of the parameters of the users' Dirichlet distribution.
        length_share: Weight of each message length, from 0 words on. Shape [cap + 1].
        class_after: Weight of each class after each word, `<s>` last. Shape [W + 1, K].
        word_in: Weight of each word in each class, before any topic. Shape [K, W].
        tilt: Logarithm of what a topic multiplies each word by. Shape [Z, W].
    """

    words: tuple[str, ...]
    topic_share: Floats
    concentration: float
    length_share: Floats
    class_after: Floats
    word_in: Floats
    tilt: Floats

    def write(self, folder: Path) -> None:
        """Write the two files, numbers in single precision."""
        (folder / WORDS).write_text("".join(f"{word}\n" for word in self.words), encoding="utf-8")
        single = {name: np.float32(getattr(self, name)) for name in _array_names()}
        np.savez_compressed(folder / ARRAYS, allow_pickle=False, **single)

    @classmethod
    def read(cls, folder: Path) -> "Factors":
        """The factors of a folder.

        Raises:
            CatalogueError: A file is missing or damaged, or the shapes do not agree.
        """
        try:
            words = tuple((folder / WORDS).read_text(encoding="utf-8").split())
            with np.load(folder / ARRAYS, allow_pickle=False) as stored:
                read = {name: stored[name].astype(np.float64) for name in _array_names()}
        except (OSError, KeyError, ValueError, EOFError, BadZipFile) as error:
            raise CatalogueError(
                f"{folder}: not a law ({error}); allowed: {WORDS} and {ARRAYS} of one law; "
                "hint: `python -m gboard_sim.learning.law.from_bigrams` writes both"
            ) from error
        width, topics = len(words), read["topic_share"].size
        classes = read["class_after"].shape[-1]
        allowed = {
            "class_after": (width + 1, classes),
            "word_in": (classes, width),
            "tilt": (topics, width),
        }
        for name, shape in allowed.items():
            if read[name].shape != shape:
                raise CatalogueError(
                    f"{folder / ARRAYS}: {name} has shape {read[name].shape}; allowed: {shape}, "
                    f"for {width} words, {classes} classes and {topics} topics; "
                    "hint: both files must come from one run of law_from_bigrams"
                )
        return cls(words, concentration=float(read.pop("concentration")), **read)


def _array_names() -> list[str]:
    """Every attribute but the words."""
    return [field.name for field in fields(Factors) if field.name != "words"]
