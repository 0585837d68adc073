"""What secure aggregation sends: bytes of each of its rounds, up and down, for one phone."""

from dataclasses import dataclass

KEY_BYTES = 32
SHARE_BYTES = 32
"""Of a public key and of a share: 256 bits, as Bonawitz et al. (CCS 2017, section 7) count."""

SEAL_BYTES = 16
"""By which sealing lengthens two shares for another phone: the tag of ChaCha20-Poly1305 (RFC 8439,
section 2.8), which the paper leaves out."""


@dataclass(frozen=True, slots=True)
class Round:
    """One round of the protocol.

    Attributes:
        name: As the paper names it.
        up_bytes: What one phone sends.
        down_bytes: What it is sent.
    """

    name: str
    up_bytes: int
    down_bytes: int


def rounds(phones: int, vector_bytes: int) -> tuple[Round, ...]:
    """The rounds of a phone that stays to the end; see table 1 and section 7.1 there.

    The paper's total for one phone, 2 n keys, 5 n - 4 shares and the vector, is their sum but for
    the seals. Who takes part in a round goes uncounted, there and here, as do check-ins and plans.

    Args:
        phones: Phones that were selected together.
        vector_bytes: A masked vector, whose numbers are as wide as the ring of the sum.
    """
    others = phones - 1
    sealed_bytes = others * (2 * SHARE_BYTES + SEAL_BYTES)
    return (
        Round("AdvertiseKeys", 2 * KEY_BYTES, 2 * others * KEY_BYTES),
        Round("ShareKeys", sealed_bytes, sealed_bytes),
        Round("MaskedInputCollection", vector_bytes, 0),
        Round("Unmasking", phones * SHARE_BYTES, 0),
    )


def beside_bytes(phones: int) -> tuple[int, int]:
    """What a phone sends, and is sent, beside its masked vector."""
    parts = rounds(phones, 0)
    return sum(part.up_bytes for part in parts), sum(part.down_bytes for part in parts)


def expansion(phones: int, numbers: int, bits: int) -> float:
    """Bytes of a phone over those of its numbers sent in the clear, as the paper counts them.

    Args:
        phones: Phones that were selected together.
        numbers: In a vector.
        bits: Of each number; the ring of the sum is wide enough for as many of them as phones.
    """
    ring_bits = (phones * (2**bits - 1)).bit_length()
    parts = rounds(phones, -(-numbers * ring_bits // 8))
    seals = 2 * (phones - 1) * SEAL_BYTES
    total = sum(part.up_bytes + part.down_bytes for part in parts) - seals
    return total / (numbers * bits / 8)
