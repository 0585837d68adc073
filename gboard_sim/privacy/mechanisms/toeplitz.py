"""Lower triangular Toeplitz matrices: entry (i, j) is c[i - j]. Shapes [n]."""

from functools import lru_cache

import numpy as np

from gboard_sim.seam.records import Floats

Numbers = tuple[float, ...]


def square_root(count: int) -> Numbers:
    """The first coefficients of the square root of the matrix of prefix sums.

    c_t = binomial(2t, t) / 4^t (Fichtenberger, Henzinger and Upadhyay, ICML 2023).
    """
    t = np.arange(1, count)
    return (1.0, *np.cumprod((2.0 * t - 1.0) / (2.0 * t)).tolist())


@lru_cache(maxsize=16)
def inverse(coefficients: Numbers, count: int) -> Floats:
    """The first coefficients of the inverse of the matrix with these, zeros after them.

    Shape [count]. The result is shared: not to be changed.
    """
    band = np.array(coefficients[1:count])
    found = np.zeros(count)
    found[0] = 1.0 / coefficients[0]
    for t in range(1, count):
        last = found[max(t - len(band), 0) : t][::-1]
        found[t] = -(band[: len(last)] @ last) / coefficients[0]
    return found


def row_deviation(coefficients: Numbers, step: int) -> float:
    """Norm of a row of the inverse: the deviation of its noise."""
    count = 1 << (step + 1).bit_length()  # few lengths, so that most are found in the cache
    return float(np.linalg.norm(inverse(coefficients, count)[: step + 1]))


def sensitivity_squared(coefficients: Floats, uses: int, separation: int) -> float:
    """The square of the sensitivity where the coefficients are not negative and never rise.

    Then a phone does most in versions 0, b, 2b, ... (Kalinin and Lampert, NeurIPS 2024, theorem 2).

    Args:
        coefficients: All n of them.
        uses: Most versions that use one phone.
        separation: Fewest versions between two of those.
    """
    total = np.zeros(len(coefficients))
    for first in range(0, min(uses * separation, len(coefficients)), separation):
        total[first:] += coefficients[: len(coefficients) - first]
    return float(total @ total)
