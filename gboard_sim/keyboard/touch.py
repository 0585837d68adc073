"""Where fingers land on a QWERTY keyboard, and which letters they may have meant.

A tap is a draw from a normal distribution around the middle of the key that is meant, independent
in x and y and of other taps: the spatial model of Azenkot and Zhai (MobileHCI 2012) and of Bi, Li
and Zhai (CHI 2013), without the offsets that people have of their own. The figures in millimetres
are assumed, because neither paper's tables could be read here.
"""

import numpy as np
import numpy.typing as npt

ROWS = (("qwertyuiop", 0.0), ("asdfghjkl", 0.5), ("zxcvbnm", 1.5))
"""Letters from the left, and how far a row is indented, in keys."""

KEY_MM = (6.5, 9.0)
"""Width and height of a key with its gap (assumed: ten keys on a phone 65 mm wide)."""

SPREAD_MM = (1.4, 1.4)
"""Standard deviation of a tap, in x and y (assumed); 2% of the taps then hit another key."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


def _centres() -> Floats:
    """The middle of every key, a to z, in millimetres. Shape [26, 2]."""
    found = np.zeros((26, 2))
    for row, (letters, indent) in enumerate(ROWS):
        for place, letter in enumerate(letters):
            found[ord(letter) - ord("a")] = place + indent, row
    return found * KEY_MM


CENTRES = _centres()


def on_keys(word: str) -> bool:
    """Whether a word can be tapped without leaving the letters: a to z."""
    return word.isascii() and word.isalpha() and word.islower()


def codes(word: str) -> Codes:
    """The keys of a word, 0 for a. Shape [letters]."""
    return np.frombuffer(word.encode(), np.uint8).astype(np.int64) - ord("a")


def landed(keys: Codes, noise: Floats) -> Floats:
    """Where taps land, in millimetres.

    Args:
        keys: The key that each is meant for. Shape [taps].
        noise: Standard normal draws. Shape [taps, 2].
    """
    where: Floats = CENTRES[keys] + noise * SPREAD_MM
    return where


def log_likelihoods(where: Floats) -> Floats:
    """Log-likelihood of each tap under each key, but for a constant. Shape [taps, 26]."""
    apart = (where[:, None, :] - CENTRES) / SPREAD_MM
    found: Floats = -0.5 * (apart**2).sum(axis=2)
    return found
