"""The codec of half precision: two bytes a number, IEEE 754 binary16."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim.communication.codecs import payload
from gboard_sim.halves import Halves, halves
from gboard_sim.seam.records import Vector

FLOAT16_BYTES = 2
_LETTERS = b"fp16"


@dataclass(frozen=True, slots=True)
class Fp16:
    """Each number rounded as `halves` does, little-endian.

    Attributes:
        name: Its name in experiment files.
        size: Follows from the number of parameters.
    """

    name: ClassVar[str] = "fp16"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        return payload.HEADER_BYTES + FLOAT16_BYTES * parameters

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        return payload.frame(_LETTERS, len(update), _halves(update).tobytes())

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, another codec's, or holds NaN or infinity.
        """
        _, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        update = np.frombuffer(body, dtype="<f2").astype(np.float32)
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """The update rounded to halves, and its size; see `Codec.transmit`."""
        return _halves(update).astype(np.float32), self.payload_bytes(len(update))


def _halves(update: Vector) -> Halves:
    """An update rounded to halves, little-endian."""
    payload.refuse_unusable(update)
    return halves(update).astype("<f2", copy=False)
