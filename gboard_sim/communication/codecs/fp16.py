"""The codec of half precision: two bytes a number, IEEE 754 binary16."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from gboard_sim.communication.codecs import payload
from gboard_sim.records import Vector

FLOAT16_BYTES = 2
LARGEST = 65504.0
"""The largest finite binary16 number (IEEE 754-2019, table 3.5)."""

_LETTERS = b"fp16"


@dataclass(frozen=True, slots=True)
class Fp16:
    """Each number rounded to the nearest half, ties to even, little-endian.

    Between 2^-14 and 65504 the relative error is at most 2^-11; below, the error is at most 2^-25,
    so that numbers under 2^-25 become zero. Beyond 65504 a number is sent as plus or minus 65504:
    an infinity would spoil the whole sum, one clipped coordinate only itself.

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


def _halves(update: Vector) -> npt.NDArray[np.float16]:
    """An update rounded to halves, little-endian."""
    payload.refuse_unusable(update)
    return np.clip(update, -LARGEST, LARGEST).astype("<f2")
