"""The codec of k levels: each number rounded at random to one of k = 2^bits levels, unbiased.

A. Suresh, F. Yu, S. Kumar, B. McMahan, "Distributed Mean Estimation with Limited Communication"
(ICML 2017, arXiv 1611.00429), sections 2.2 (k levels) and 3 (after a rotation): with
s = (max - min) / (k - 1), a number between min + r s and min + (r + 1) s becomes the upper level
with probability (x - min) / s - r, else the lower. The mean is x, and the variance of a
coordinate is at most s^2 / 4. QSGD (Alistarh et al., NeurIPS 2017, arXiv 1610.02132) does the same
with levels of the norm, and like it this takes the range of a block of numbers, not of all.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from gboard_sim import seeds
from gboard_sim.communication.codecs import payload, shared_key
from gboard_sim.communication.codecs.blocks import Rows, blocks, rows_of
from gboard_sim.communication.codecs.packing import Levels, pack, packed_bytes, unpack
from gboard_sim.rotation import rotate, rotate_back
from gboard_sim.seam.records import Vector
from gboard_sim.units import FLOAT32_BYTES

_LETTERS = b"klev"
_FLAT = 2.0**-100
"""A step below which a block counts as one number, since its inverse would not be finite."""


@dataclass(frozen=True, slots=True)
class KLevel:
    """Body: the key if rotated; of each block the lowest level and the step; levels, packed.

    Attributes:
        bits: Of each number: 1, 2, 4 or 8.
        rotate: Whether the update is rotated before, so that the range of a block is that of
            nearly normal numbers and one outlier costs the others nothing.
        block: Numbers that share a range; 4096 add a sixtieth of a bit to each (assumed).
        seed: The experiment's seed.
        name: Its name in experiment files.
        size: Follows from the number of parameters.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "k_level"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    bits: int = 8
    rotate: bool = False
    block: int = 4096
    seed: int = 0

    def __post_init__(self) -> None:
        if self.bits not in {1, 2, 4, 8}:
            raise ValueError(f"bits(={self.bits}) must be 1, 2, 4 or 8")
        if self.block < 1:
            raise ValueError(f"block(={self.block}) must be at least 1 number")

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        ranges = 2 * FLOAT32_BYTES * blocks(parameters, self.block)
        packed = packed_bytes(parameters, self.bits)
        return payload.HEADER_BYTES + self.rotate * shared_key.KEY_BYTES + ranges + packed

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        key, ranges, levels = self._quantize(update, phone, nth)
        start = shared_key.to_bytes(key) if self.rotate else b""
        body = b"".join((start, ranges.astype("<f4").tobytes(), pack(levels, self.bits)))
        return payload.frame(_LETTERS, len(update), body)

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, another codec's, or holds NaN or infinity.
        """
        count, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        key = 0
        if self.rotate:
            key, body = shared_key.from_bytes(body), body[shared_key.KEY_BYTES :]
        end = 2 * FLOAT32_BYTES * blocks(count, self.block)
        ranges = np.frombuffer(body[:end], "<f4").astype(np.float32).reshape(-1, 2)
        with np.errstate(over="ignore", invalid="ignore"):  # of a sender who lies
            update = self._numbers(key, ranges, unpack(body[end:], count, self.bits))
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """The update at its levels, and its size; see `Codec.transmit`."""
        return self._numbers(*self._quantize(update, phone, nth)), self.payload_bytes(len(update))

    def _quantize(self, update: Vector, phone: int, nth: int) -> tuple[int, Rows, Levels]:
        """The key, each block's lowest level and step (shape [blocks, 2]), and the levels."""
        key = shared_key.draw(self.seed, phone, nth)
        numbers = payload.bounded(update)
        if self.rotate:
            numbers = rotate(numbers, key)
        top = np.float32(2**self.bits - 1)
        chance = seeds.stream(self.seed, "codec-rounding", phone, nth)
        chances = chance.random(len(numbers), dtype=np.float32)
        levels = np.empty(len(numbers), np.uint8)
        ranges: list[npt.NDArray[np.float32]] = [np.zeros((0, 2), np.float32)]
        for rows, drawn, made in zip(
            rows_of(numbers, self.block),
            rows_of(chances, self.block),
            rows_of(levels, self.block),
            strict=True,
        ):
            low = rows.min(axis=1, keepdims=True)
            step = (rows.max(axis=1, keepdims=True) - low) / top
            step[step < _FLAT] = 0.0
            ranges.append(np.hstack([low, step]))
            scaled = rows - low
            scaled *= np.divide(1.0, step, out=np.zeros_like(step), where=step > 0.0)
            scaled += drawn
            np.minimum(scaled, top, out=scaled)
            np.copyto(made, scaled, casting="unsafe")  # towards zero, so down
        return key, np.concatenate(ranges), levels

    def _numbers(self, key: int, ranges: Rows, levels: Levels) -> Vector:
        """The numbers that levels stand for. Shape [n]."""
        numbers = levels.astype(np.float32)
        at = 0
        for rows in rows_of(numbers, self.block):
            own = ranges[at : at + len(rows)]
            np.multiply(rows, own[:, 1:], out=rows)
            np.add(rows, own[:, :1], out=rows)
            at += len(rows)
        return rotate_back(numbers, key) if self.rotate else numbers
