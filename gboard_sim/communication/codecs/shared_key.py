"""What both ends of a payload draw the same random numbers from: eight bytes that travel in it.

The key follows from the experiment's seed, the phone and the phone's own count of payloads, so
that no two payloads share a rotation or a mask, whatever worker makes them and in whatever order.
"""

from gboard_sim import seeds

KEY_BYTES = 8


def draw(seed: int, phone: int, nth: int) -> int:
    """The key of a phone's `nth` payload, below 2^64."""
    return int(seeds.bits(seed, "codec-key", phone, nth))


def to_bytes(key: int) -> bytes:
    """A key as it travels."""
    return key.to_bytes(KEY_BYTES, "little")


def from_bytes(body: memoryview) -> int:
    """The key at the beginning of a body."""
    return int.from_bytes(body[:KEY_BYTES], "little")
