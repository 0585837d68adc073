"""Secrets shared so that `threshold` shares tell them and fewer tell nothing.

A. Shamir, "How to Share a Secret", CACM 1979: the values at 1 .. n of a random polynomial over a
prime field whose value at 0 is the secret. Well-kept libraries have it for secrets of 16 bytes
(pycryptodome) or one at a time in pure Python (shamirs); what is needed here is less than either.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

PRIME = 2**256 - 189
"""The largest prime of 32 bytes (checked by the test), so that a share is as long as a secret."""

SECRET_BYTES = 32


def new_secret(entropy: Callable[[int], bytes]) -> bytes:
    """A secret that the field holds, each as likely as any other."""
    while int.from_bytes(drawn := entropy(SECRET_BYTES)) >= PRIME:  # once in 2^248 draws
        pass
    return drawn


def split(
    secret: bytes, threshold: int, count: int, entropy: Callable[[int], bytes]
) -> dict[int, bytes]:
    """Shares by their places, 1 to `count`.

    Args:
        secret: 32 bytes, below the field's prime.
        threshold: Shares that tell the secret, from 1 to `count`.
        count: Shares.
        entropy: Random bytes, so many at a time.

    Raises:
        ValueError: An argument is outside its range.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, this one {len(secret)}")
    if int.from_bytes(secret) >= PRIME:
        raise ValueError("a secret must be below the field's prime; draw another")
    if not 1 <= threshold <= count:
        raise ValueError(f"threshold(={threshold}) must be between 1 and the {count} shares")
    # 64 more bits than the field has, so that the remainder is even to within 2^-64.
    coefficients = [int.from_bytes(entropy(41)) % PRIME for _ in range(threshold - 1)]
    coefficients.append(int.from_bytes(secret))
    shares = {}
    for place in range(1, count + 1):
        value = 0
        for coefficient in coefficients:
            value = (value * place + coefficient) % PRIME
        shares[place] = value.to_bytes(SECRET_BYTES)
    return shares


def join(shares: Mapping[int, bytes], threshold: int) -> bytes:
    """The secret, by Lagrange's interpolation at 0.

    Raises:
        ValueError: There are too few shares.
    """
    if len(shares) < threshold:
        raise ValueError(f"{len(shares)} shares do not tell a secret that needs {threshold}")
    places = tuple(sorted(shares)[:threshold])
    terms = (
        int.from_bytes(shares[place]) * weight
        for place, weight in zip(places, _weights(places), strict=True)
    )
    return (sum(terms) % PRIME).to_bytes(SECRET_BYTES)


@lru_cache(maxsize=1)
def _weights(places: tuple[int, ...]) -> tuple[int, ...]:
    """What each place's value counts for at 0; the same for all secrets of a cohort."""
    found = []
    for place in places:
        above, below = 1, 1
        for other in places:
            if other != place:
                above = above * -other % PRIME
                below = below * (place - other) % PRIME
        found.append(above * pow(below, -1, PRIME) % PRIME)
    return tuple(found)
