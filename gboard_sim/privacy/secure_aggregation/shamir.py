"""Secrets shared so that `threshold` shares tell them and fewer tell nothing.

A. Shamir, "How to Share a Secret", CACM 1979: the values at 1 .. n of a random polynomial over a
prime field whose value at 0 is the secret. Well-kept libraries have it for secrets of 16 bytes
(pycryptodome) or one at a time in pure Python (shamirs); what is needed here is less than either.
"""

from collections.abc import Callable, Mapping

PRIME = 2**256 + 297
"""The smallest prime above all secrets of 32 bytes (checked by the test)."""

SECRET_BYTES = 32
_SHARE_BYTES = 33


def split(
    secret: bytes, threshold: int, count: int, entropy: Callable[[int], bytes]
) -> dict[int, bytes]:
    """Shares by their places, 1 to `count`.

    Args:
        secret: 32 bytes.
        threshold: Shares that tell the secret, from 1 to `count`.
        count: Shares.
        entropy: Random bytes, so many at a time.

    Raises:
        ValueError: An argument is outside its range.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, this one {len(secret)}")
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
        shares[place] = value.to_bytes(_SHARE_BYTES)
    return shares


def join(shares: Mapping[int, bytes], threshold: int) -> bytes:
    """The secret, by Lagrange's interpolation at 0.

    Raises:
        ValueError: There are too few shares, or they are not of one secret.
    """
    if len(shares) < threshold:
        raise ValueError(f"{len(shares)} shares do not tell a secret that needs {threshold}")
    places = sorted(shares)[:threshold]
    secret = 0
    for place in places:
        above, below = 1, 1
        for other in places:
            if other != place:
                above = above * -other % PRIME
                below = below * (place - other) % PRIME
        weight = above * pow(below, -1, PRIME)
        secret = (secret + int.from_bytes(shares[place]) * weight) % PRIME
    if secret >> 8 * SECRET_BYTES:
        raise ValueError("the shares are not of one secret")
    return secret.to_bytes(SECRET_BYTES)
