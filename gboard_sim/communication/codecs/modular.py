"""The codec of distributed privacy: whole numbers modulo 2^bits, side by side.

Sums of such payloads modulo 2^bits are sums of what they carry, so that phones can hide theirs
behind masks that cancel (K. Bonawitz et al., "Practical Secure Aggregation for Privacy-Preserving
Machine Learning", CCS 2017). A mask is as long as the payload, and leaves its size as it is.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim.communication.codecs import payload
from gboard_sim.communication.codecs.packing import pack_places, packed_bytes, unpack_places
from gboard_sim.seam.records import Vector

_LETTERS = b"ring"
MOST_BITS = 24
"""Beyond them float32, which carries updates within the simulator, skips whole numbers."""


@dataclass(frozen=True, slots=True)
class Modular:
    """Body: the numbers, low bits first.

    Numbers that are not whole are rounded to the nearest; the mechanism sends whole ones.

    Attributes:
        bits: Of each number.
        name: Its name in experiment files.
        size: Follows from the number of parameters.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "modular"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    bits: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= MOST_BITS:
            raise ValueError(f"bits(={self.bits}) must be between 1 and {MOST_BITS}")

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        return payload.HEADER_BYTES + packed_bytes(parameters, self.bits)

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The payload, without its mask.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        places = self._modulo(update).astype(np.int64)
        return payload.frame(_LETTERS, len(update), pack_places(places, self.bits))

    def decode(self, encoded: bytes) -> Vector:
        """The numbers, from 0 to 2^bits - 1.

        Raises:
            ValueError: The payload is damaged, or another codec's.
        """
        count, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        return unpack_places(body, count, self.bits).astype(np.float32)

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads, and its size; see `Codec.transmit`."""
        return self._modulo(update), self.payload_bytes(len(update))

    def _modulo(self, update: Vector) -> Vector:
        payload.refuse_unusable(update)
        whole: Vector = np.rint(update) + np.float32(0.0)  # a negative zero is zero
        if len(whole) and (whole.min() < 0.0 or whole.max() >= 2**self.bits):
            whole = np.mod(whole.astype(np.float64), 2**self.bits).astype(np.float32)
        return whole
