"""Keystrokes that suggestions save, and the most that any model could (Trnka and McCoy 2008).

Typing a word takes its letters and a space. A word that is shown is taken with one tap, which
types the space too: after `n` letters it costs `n + 1`. Savings are 1 - keys with / keys without.

Trnka and McCoy (ACL 2008, "Evaluating word prediction: framing keystroke savings") hold savings
against two limits: a perfect model, which shows every word before its first letter, and one that is
perfect but for the words that its vocabulary lacks.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

NEVER = -1
"""A word that was not taken: it was typed to its end."""

Counts = npt.NDArray[np.integer[Any]]


def taken_after(word: str, shown: Callable[[str], Sequence[str]]) -> int:
    """Letters typed before a word is shown, by a person who takes it at once; `NEVER` if not.

    Args:
        word: What is meant.
        shown: The suggestions after some of its letters.
    """
    for letters in range(len(word)):
        if word in shown(word[:letters]):
            return letters
    return NEVER


def keys(letters: Counts, taken: Counts) -> npt.NDArray[np.int64]:
    """Keystrokes of each word.

    Args:
        letters: Its letters. Shape [words].
        taken: Letters typed before it was taken, or `NEVER`. Shape [words].
    """
    typed: npt.NDArray[np.int64] = np.where(taken == NEVER, letters, taken).astype(np.int64) + 1
    return typed


def savings(letters: Counts, taken: Counts) -> float:
    """Share of all keystrokes that was saved; NaN without words. For the arguments see `keys`."""
    return share_saved(int((letters + 1).sum()), int(keys(letters, taken).sum()))


def perfect(letters: Counts) -> float:
    """The savings of a perfect model. For the argument see `keys`."""
    return savings(letters, np.zeros_like(letters))


def perfect_in_vocabulary(letters: Counts, known: npt.NDArray[np.bool_]) -> float:
    """The savings of a model that is perfect for known words and never shows another.

    Args:
        letters: Letters of each word. Shape [words].
        known: Which words are in its vocabulary. Shape [words].
    """
    return savings(letters, np.where(known, 0, NEVER))


def share_saved(keys_without: int, keys_with: int) -> float:
    """Keystroke savings; NaN where there was nothing to type."""
    return 1 - keys_with / keys_without if keys_without else float("nan")
