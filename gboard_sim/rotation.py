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
from gboard_sim.seam.records import Vector

BLOCK = 2**16
"""Most coordinates that are turned together: two blocks fit a core's second-level cache."""

Rows = npt.NDArray[np.float32]


def rotate(vector: Vector, key: int, block: int = BLOCK) -> Vector:
    """The vector turned, as a new one of the same length and, up to rounding, the same norm.

    Args:
        vector: Numbers whose sums over a block stay finite. Shape [n].
        key: Names the rotation.
        block: Coordinates among which energy is spread: a power of two, at most `BLOCK`.
    """
    turned = vector.copy()
    for rows, signs in _pieces(turned, key, block):
        rows[:] = hadamard(rows * signs)
    return turned


def rotate_back(turned: Vector, key: int, block: int = BLOCK) -> Vector:
    """The vector of which `turned` is the rotation, up to rounding. Shape [n]."""
    vector = turned.copy()
    for rows, signs in reversed(_pieces(vector, key, block)):
        rows[:] = hadamard(rows) * signs
    return vector


def hadamard(rows: Rows) -> Rows:
    """H x of each row, in Sylvester's order and not normed; H is its own transpose.

    Args:
        rows: Each of as many numbers as a power of two, at least one. Shape [m, p].
    """
    high = 1 << (rows.shape[1].bit_length() - 1) // 2
    table = rows.reshape(len(rows), high, -1).transpose(1, 0, 2)
    for _ in range(2):  # the high bits of a coordinate's number, then the low ones
        shape = table.shape
        table = _butterflies(np.ascontiguousarray(table).reshape(len(table), -1)).reshape(shape)
        table = table.transpose(2, 1, 0)
    return table.transpose(1, 0, 2).reshape(rows.shape)


def _butterflies(table: Rows) -> Rows:
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


def _pieces(vector: Vector, key: int, block: int) -> list[tuple[Rows, Rows]]:
    """Views of the blocks, some together, in the order in which they are turned, and their signs.

    The signs carry the norm 1 / sqrt(p). Shapes [m, p].
    """
    count = len(vector)
    if not count:
        return []
    size = min(block, 1 << count.bit_length() - 1)
    whole = count // size
    overlap = count % size > 0
    drawn = seeds.stream(key, "rotation").integers(
        0, 256, size=(whole + overlap, -(-size // 8)), dtype=np.uint8
    )
    norm = np.float32(size**-0.5)
    signs = np.unpackbits(drawn, axis=1, count=size).astype(np.float32)
    signs *= -2 * norm
    signs += norm  # exact, and quicker than a choice between two
    together = max(1, BLOCK // size)
    pieces = []
    for first in range(0, whole, together):
        last = min(first + together, whole)
        rows = vector[first * size : last * size].reshape(-1, size)
        pieces.append((rows, signs[first:last]))
    if overlap:
        pieces.append((vector[count - size :].reshape(1, size), signs[whole:]))
    return pieces
