"""The frame that every payload travels in: who encoded it, how many numbers, and a checksum.

Sixteen bytes, little-endian, then the codec's body: the magic `GBU1`, four letters that name the
codec, the count of numbers, and the CRC-32 of all the rest. A CRC of 32 bits catches every error
burst of at most 32 bits, so any flipped bit; other damage slips through once in 2^32 times. It is
no defence against a sender who lies.
"""

import struct
from collections.abc import Callable
from zlib import crc32

import numpy as np

from gboard_sim.seam.records import Vector

HEADER_BYTES = 16
MAX_COUNT = 2**32 - 1

LARGEST = np.float32(2.0**96)
"""The largest number that a codec which adds numbers up sends as it is (assumed: 8e28 is no update
of a model that still works)."""

_MAGIC = b"GBU1"
_BEFORE_CRC = struct.Struct("<4s4sI")
_CRC = struct.Struct("<I")


def frame(letters: bytes, count: int, body: bytes) -> bytes:
    """The payload of `count` numbers that the codec `letters` encoded as `body`."""
    start = _BEFORE_CRC.pack(_MAGIC, letters, count)
    return b"".join((start, _CRC.pack(crc32(body, crc32(start))), body))


def unframe(letters: bytes, payload: bytes) -> tuple[int, memoryview]:
    """The count and the body of a payload that the codec `letters` made.

    Raises:
        ValueError: It is cut short, damaged, or another codec's.
    """
    if len(payload) < HEADER_BYTES:
        raise ValueError(f"payload of {len(payload)} bytes is shorter than its header")
    view = memoryview(payload)
    start, body = view[: _BEFORE_CRC.size], view[HEADER_BYTES:]
    magic, found, count = _BEFORE_CRC.unpack(start)
    if magic != _MAGIC:
        raise ValueError(f"payload begins with {magic!r}; an update begins with {_MAGIC!r}")
    (checksum,) = _CRC.unpack(view[_BEFORE_CRC.size : HEADER_BYTES])
    if checksum != crc32(body, crc32(start)):
        raise ValueError("payload fails its checksum: damaged or cut short")
    if found != letters:
        raise ValueError(f"payload is of codec {found!r}; expected {letters!r}")
    return count, body


def read(letters: bytes, payload: bytes, size: Callable[[int], int]) -> tuple[int, memoryview]:
    """As `unframe`, for a codec whose payloads of `count` numbers have `size(count)` bytes.

    Raises:
        ValueError: As `unframe`, or the body has another length.
    """
    count, body = unframe(letters, payload)
    if len(body) != size(count) - HEADER_BYTES:
        raise ValueError(f"payload holds {len(body)} bytes for {count} numbers")
    return count, body


def bounded(update: Vector) -> Vector:
    """The update with what is beyond plus or minus 2^96 set to that, so that sums stay finite.

    Raises:
        ValueError: `update` is no flat float32 vector of finite numbers.
    """
    refuse_unusable(update)
    if len(update) and (update.max() > LARGEST or update.min() < -LARGEST):
        return np.clip(update, -LARGEST, LARGEST)
    return update


def refuse_unusable(update: Vector) -> None:
    """Raises ValueError unless `update` is a flat float32 vector of finite numbers."""
    if update.dtype != np.float32 or update.ndim != 1 or len(update) > MAX_COUNT:
        raise ValueError(
            f"update is {update.dtype}{list(update.shape)}; must be float32[at most {MAX_COUNT}]"
        )
    if not np.isfinite(update).all():
        raise ValueError("update holds NaN or infinity; every number must be finite")
