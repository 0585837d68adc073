"""A random rotation that spreads a vector's energy evenly over its coordinates.

Randomised Hadamard: flip each sign with probability one half, then multiply by the orthonormal
Walsh-Hadamard matrix H / sqrt(p), entries +-1 / sqrt(p) (A. Suresh, F. Yu, S. Kumar, B. McMahan,
"Distributed Mean Estimation with Limited Communication", ICML 2017, section 3). It takes
p log2(p) additions. H needs a power of two p, so a vector is turned block by block; where the
last block would be cut short, the last p coordinates are turned once more instead. Both are
orthonormal, so their product is too, and no coordinate is added as padding would.
"""

import numpy as np
import numpy.typing as npt

from gboard_sim import seeds
from gboard_sim.records import Vector

BLOCK = 2**16
"""Most coordinates that are turned together: two blocks fit a core's second-level cache."""


def rotate(vector: Vector, key: int) -> Vector:
    """The vector turned, as a new one of the same length and, up to rounding, the same norm.

    Args:
        vector: Numbers whose sums over a block stay finite. Shape [n].
        key: Names the rotation.
    """
    turned = vector.copy()
    starts, signs = _plan(len(vector), key)
    for start, own in zip(starts, signs, strict=True):
        piece = turned[start : start + len(own)]
        piece[:] = hadamard(piece * own)
    return turned


def rotate_back(turned: Vector, key: int) -> Vector:
    """The vector of which `turned` is the rotation, up to rounding. Shape [n]."""
    vector = turned.copy()
    starts, signs = _plan(len(turned), key)
    for start, own in zip(reversed(starts), signs[::-1], strict=True):
        piece = vector[start : start + len(own)]
        piece[:] = hadamard(piece) * own
    return vector


def hadamard(vector: Vector) -> Vector:
    """H x in the order of Sylvester's construction, not normed; H is its own transpose.

    Args:
        vector: As many numbers as a power of two, at least one. Shape [p].
    """
    rows = 1 << (len(vector).bit_length() - 1) // 2
    halfway = _butterflies(vector.reshape(rows, -1))
    return np.ravel(_butterflies(np.ascontiguousarray(halfway.T)).T)


def _butterflies(table: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """H times a table of a power of two of rows: sums and differences of rows, again and again."""
    now, then = table, np.empty_like(table)
    spare = np.empty_like(table)
    stride = 1
    while stride < len(table):
        pairs = now.reshape(-1, 2, stride, table.shape[1])
        made = then.reshape(pairs.shape)
        np.add(pairs[:, 0], pairs[:, 1], out=made[:, 0])
        np.subtract(pairs[:, 0], pairs[:, 1], out=made[:, 1])
        now, then = then, spare if now is table else now
        stride *= 2
    return now


def _plan(count: int, key: int) -> tuple[list[int], npt.NDArray[np.float32]]:
    """Where the blocks begin, in the order in which they are turned, and their signs.

    The signs carry the norm 1 / sqrt(p). Shape [blocks, p].
    """
    if not count:
        return [], np.zeros((0, 0), np.float32)
    size = min(BLOCK, 1 << count.bit_length() - 1)
    starts = list(range(0, count - size + 1, size))
    if count % size:
        starts.append(count - size)
    drawn = seeds.stream(key, "rotation").integers(
        0, 256, size=(len(starts), -(-size // 8)), dtype=np.uint8
    )
    norm = np.float32(size**-0.5)
    signs = np.unpackbits(drawn, axis=1, count=size).astype(np.float32)
    signs *= -2 * norm
    signs += norm  # exact, and quicker than a choice between two
    return starts, signs
