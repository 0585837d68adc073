"""The codec DRIVE: one bit a coordinate after a rotation, and one scale a block.

S. Vargaftik et al., "DRIVE: One-bit Distributed Mean Estimation" (NeurIPS 2021, arXiv 2105.08339):
send the signs of R x and a scale S; the receiver reads R^T (S sign(R x)). S = |Rx|_1 / d has the
least squared error, about (1 - 2 / pi) |x|^2 for large d; S = |x|_2^2 / |Rx|_1 is unbiased for a
uniformly random R, and nearly so for a randomised Hadamard, with an error of about
(pi / 2 - 1) |x|^2. Nearly: where one of 1,024 numbers dominates, a squared bias of half a percent
of |x|^2 was measured, and with many phones it is what stays.

Less than a bit: the signs of a share q of the turned coordinates alone, as J. Konecny et al.,
"Federated Learning: Strategies for Improving Communication Efficiency" (2016, arXiv 1610.05492)
sample after a rotation, which spreads over all coordinates what each of the kept ones tells. The
unbiased scale is then 1 / q times as large, the least-error scale the mean size of the kept ones;
their errors become (pi / (2 q) - 1) |x|^2 and (1 - 2 q / pi) |x|^2. The kept ones are evenly
spaced: the rotation's own signs are random, and with them every choice has the same mean.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim.communication.codecs import payload, shared_key
from gboard_sim.communication.codecs.blocks import blocks, rows_of
from gboard_sim.communication.codecs.packing import Levels, Places, pack, packed_bytes, unpack
from gboard_sim.communication.codecs.top_k import kept
from gboard_sim.rotation import BLOCK, rotate, rotate_back
from gboard_sim.seam.records import Vector
from gboard_sim.units import FLOAT32_BYTES

_LETTERS = b"driv"
SCALES = ("unbiased", "least_error")
LEAST_SHARE = 1e-3
"""So that a large block keeps enough signs for a scale (assumed)."""

LEAST_BLOCK = 64
"""Below it the unbiased scale is biased: the squared bias is .0002 |x|^2 at 64 numbers and .004 at
16 (of normal ones; tests/communication/codecs/test_drive.py measures both)."""


@dataclass(frozen=True, slots=True)
class Drive:
    """Body: the key; each block's scale; the signs, packed. A block is one of the rotation's.

    Attributes:
        scale: `unbiased`, for means over many phones; `least_error`, for one.
        share: Of the turned coordinates, those whose signs are sent; one of a block at least.
        block: Numbers that are turned together and share a scale, a power of two. Error is spread
            over a block and stays in it: small blocks keep it off where little is to be told,
            which a server optimiser that scales every coordinate by itself would make much of;
            at 1024 the scales add a thirty-second of a bit to each number.
        seed: The experiment's seed.
        name: Its name in experiment files.
        size: Follows from the number of parameters.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "drive"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    scale: str = "unbiased"
    share: float = 1.0
    block: int = BLOCK
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale(={self.scale!r}) must be one of {', '.join(SCALES)}")
        if not LEAST_SHARE <= self.share <= 1.0:
            raise ValueError(f"share(={self.share}) must be between {LEAST_SHARE} and 1")
        if not LEAST_BLOCK <= self.block <= BLOCK or self.block.bit_count() != 1:
            allowed = f"a power of two from {LEAST_BLOCK} to {BLOCK}"
            raise ValueError(f"block(={self.block}) must be {allowed}")

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        scales = FLOAT32_BYTES * blocks(parameters, self.block)
        start = payload.HEADER_BYTES + shared_key.KEY_BYTES
        return start + scales + packed_bytes(self._sent(parameters), 1)

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        key, scales, signs = self._signs(update, phone, nth)
        body = b"".join((shared_key.to_bytes(key), scales.astype("<f4").tobytes(), pack(signs, 1)))
        return payload.frame(_LETTERS, len(update), body)

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, another codec's, or holds NaN or infinity.
        """
        count, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        key, body = shared_key.from_bytes(body), body[shared_key.KEY_BYTES :]
        end = FLOAT32_BYTES * blocks(count, self.block)
        scales = np.frombuffer(body[:end], "<f4").astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # of a sender who lies
            signs = unpack(body[end:], self._sent(count), 1)
            update = self._read(key, scales, signs, count)
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads, and its size; see `Codec.transmit`."""
        key, scales, signs = self._signs(update, phone, nth)
        return self._read(key, scales, signs, len(update)), self.payload_bytes(len(update))

    def _signs(self, update: Vector, phone: int, nth: int) -> tuple[int, Vector, Levels]:
        """The key, each block's scale, and the signs: 1 where a coordinate is negative."""
        key = shared_key.draw(self.seed, phone, nth)
        turned = rotate(payload.bounded(update), key, self.block)
        scales, signs = [np.zeros(0)], [np.zeros(0, np.uint8)]
        for rows in rows_of(turned, self.block):
            sent = rows if self.share == 1.0 else rows[:, self._places(rows.shape[1])]
            if self.scale == "least_error":
                scales.append(np.abs(sent).mean(axis=1, dtype=np.float64))
            else:
                sizes = np.abs(rows).sum(axis=1, dtype=np.float64)
                sizes *= sent.shape[1] / rows.shape[1]
                squares = np.square(rows, dtype=np.float64).sum(axis=1)
                scales.append(np.divide(squares, sizes, out=np.zeros_like(sizes), where=sizes > 0))
            signs.append(np.signbit(sent).view(np.uint8).ravel())
        return key, np.concatenate(scales).astype(np.float32), np.concatenate(signs)

    def _read(self, key: int, scales: Vector, signs: Levels, count: int) -> Vector:
        """The update of what was sent. Shape [count]."""
        sent = signed(scales, signs, kept(self.block, self.share))
        if self.share == 1.0:
            return rotate_back(sent, key, self.block)
        turned = np.zeros(count, np.float32)
        at = 0
        for rows in rows_of(turned, self.block):
            places = self._places(rows.shape[1])
            end = at + len(rows) * len(places)
            rows[:, places] = sent[at:end].reshape(len(rows), -1)
            at = end
        return rotate_back(turned, key, self.block)

    def _sent(self, count: int) -> int:
        """How many signs are sent of `count` coordinates."""
        whole, rest = divmod(count, self.block)
        return whole * kept(self.block, self.share) + kept(rest, self.share)

    def _places(self, width: int) -> Places:
        """Places within a block of `width` coordinates whose signs are sent. Shape [k]."""
        number = kept(width, self.share)
        return np.arange(number, dtype=np.int64) * width // number


def signed(scales: Vector, signs: Levels, block: int) -> Vector:
    """Each block's scale with the signs of its coordinates. Shape [n]."""
    numbers = 1.0 - 2.0 * signs.astype(np.float32)
    at = 0
    for rows in rows_of(numbers, block):
        np.multiply(rows, scales[at : at + len(rows), None], out=rows)
        at += len(rows)
    return numbers
