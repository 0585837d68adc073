"""The codec of one bit: the sign of each number, and the mean size of each block's numbers.

S. Karimireddy, Q. Rebjock, S. Stich, M. Jaggi, "Error Feedback Fixes SignSGD and other Gradient
Compression Schemes" (ICML 2019, arXiv 1901.09847): x becomes (|x|_1 / d) sign(x). The error is
(1 - |x|_1^2 / (d |x|_2^2)) |x|_2^2. It is biased, which `codec.error_feedback`
mends.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim.communication.codecs import payload
from gboard_sim.communication.codecs.blocks import blocks, rows_of
from gboard_sim.communication.codecs.drive import signed
from gboard_sim.communication.codecs.packing import Levels, pack, packed_bytes, unpack
from gboard_sim.seam.records import Vector
from gboard_sim.units import FLOAT32_BYTES

_LETTERS = b"1bit"


@dataclass(frozen=True, slots=True)
class OneBit:
    """Body: each block's scale; the signs, packed.

    Attributes:
        block: Numbers that share a scale (assumed).
        name: Its name in experiment files.
        size: Follows from the number of parameters.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "one_bit"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    block: int = 4096

    def __post_init__(self) -> None:
        if self.block < 1:
            raise ValueError(f"block(={self.block}) must be at least 1 number")

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        scales = FLOAT32_BYTES * blocks(parameters, self.block)
        return payload.HEADER_BYTES + scales + packed_bytes(parameters, 1)

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        scales, signs = self._signs(update)
        body = scales.astype("<f4").tobytes() + pack(signs, 1)
        return payload.frame(_LETTERS, len(update), body)

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, another codec's, or holds NaN or infinity.
        """
        count, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        end = FLOAT32_BYTES * blocks(count, self.block)
        scales = np.frombuffer(body[:end], "<f4").astype(np.float32)
        update = signed(scales, unpack(body[end:], count, 1), self.block)
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads, and its size; see `Codec.transmit`."""
        return signed(*self._signs(update), self.block), self.payload_bytes(len(update))

    def _signs(self, update: Vector) -> tuple[Vector, Levels]:
        """Each block's scale, and the signs: 1 where a number is negative."""
        payload.refuse_unusable(update)
        scales = [np.abs(r).mean(axis=1, dtype=np.float64) for r in rows_of(update, self.block)]
        found = np.concatenate([np.zeros(0), *scales]).astype(np.float32)
        return found, np.signbit(update).view(np.uint8)
