"""The codec that loses nothing: four bytes a number, IEEE 754 binary32."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim.communication.codecs import payload
from gboard_sim.seam.records import Vector
from gboard_sim.units import FLOAT32_BYTES

_LETTERS = b"fp32"


@dataclass(frozen=True, slots=True)
class Fp32:
    """An update as it is, little-endian.

    Attributes:
        name: Its name in experiment files.
        size: Follows from the number of parameters.
    """

    name: ClassVar[str] = "fp32"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        return payload.HEADER_BYTES + FLOAT32_BYTES * parameters

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        payload.refuse_unusable(update)
        return payload.frame(_LETTERS, len(update), update.astype("<f4", copy=False).tobytes())

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads, equal to the one sent bit for bit.

        Raises:
            ValueError: The payload is damaged, another codec's, or holds NaN or infinity.
        """
        _, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        update = np.frombuffer(body, dtype="<f4").astype(np.float32)
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """The update itself, and its size; see `Codec.transmit`."""
        payload.refuse_unusable(update)
        return update, self.payload_bytes(len(update))
