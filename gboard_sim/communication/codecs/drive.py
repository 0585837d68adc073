"""The codec DRIVE: one bit a coordinate after a rotation, and one scale a block.

S. Vargaftik et al., "DRIVE: One-bit Distributed Mean Estimation" (NeurIPS 2021, arXiv 2105.08339):
send the signs of R x and a scale S; the receiver reads R^T (S sign(R x)). S = |Rx|_1 / d has the
least squared error, about (1 - 2 / pi) |x|^2 for large d; S = |x|_2^2 / |Rx|_1 is unbiased for a
uniformly random R, and nearly so for a randomised Hadamard, with an error of about
(pi / 2 - 1) |x|^2. Nearly: where one of 1,024 numbers dominates, a squared bias of half a percent
of |x|^2 was measured, and with many phones it is what stays.

Less than a bit: the signs of a share q of the blocks alone. Some blocks of an update hold most of
it (the words that a phone typed, the recurrent layer), so a block is sent with a chance in
proportion to its norm (`sampling`), and its unbiased scale is 1 / chance times as large; the least
error is that of the largest blocks, as they are.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim import seeds
from gboard_sim.communication.codecs import payload, sampling, shared_key
from gboard_sim.communication.codecs.blocks import blocks, rows_of
from gboard_sim.communication.codecs.packing import Levels, Places, pack, packed_bytes, unpack
from gboard_sim.communication.codecs.top_k import kept
from gboard_sim.rotation import BLOCK, rotate, rotate_back
from gboard_sim.seam.records import Floats, Vector
from gboard_sim.units import FLOAT32_BYTES

_LETTERS = b"driv"
SCALES = ("unbiased", "least_error")
USUAL_BLOCK = 1024
"""The scales add a thirty-second of a bit to each number then."""

LEAST_BLOCK = 64
"""Below it the unbiased scale is biased: the squared bias is .0002 |x|^2 at 64 numbers and .004 at
16 (of normal ones; tests/communication/codecs/test_drive.py measures both)."""


@dataclass(frozen=True, slots=True)
class Drive:
    """Body: the key; with a share, which blocks are sent, as bits; their scales; their signs.

    A block is one of the rotation's; the rest behind the last whole one is always sent.

    Attributes:
        scale: `unbiased`, for means over many phones; `least_error`, for one.
        share: Of the whole blocks, those whose signs are sent; one at least.
        block: Numbers that are turned together and share a scale, a power of two. Error is spread
            over a block and stays in it: small blocks keep it off where little is to be told,
            which a server optimiser that scales every coordinate by itself would make much of.
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
    block: int = USUAL_BLOCK
    seed: int = 0

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ValueError(f"scale(={self.scale!r}) must be one of {', '.join(SCALES)}")
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"share(={self.share}) must be above 0 and at most 1")
        if not LEAST_BLOCK <= self.block <= BLOCK or self.block.bit_count() != 1:
            allowed = f"a power of two from {LEAST_BLOCK} to {BLOCK}"
            raise ValueError(f"block(={self.block}) must be {allowed}")

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        start = payload.HEADER_BYTES + shared_key.KEY_BYTES + self._bitmap_bytes(parameters)
        signs = self._sent(parameters)
        return start + FLOAT32_BYTES * blocks(signs, self.block) + packed_bytes(signs, 1)

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        key, places, scales, signs = self._signs(update, phone, nth)
        sent = np.zeros(8 * self._bitmap_bytes(len(update)), np.uint8)
        if len(sent):
            sent[places] = 1
        parts = shared_key.to_bytes(key), pack(sent, 1), scales.astype("<f4").tobytes()
        return payload.frame(_LETTERS, len(update), b"".join(parts) + pack(signs, 1))

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, another codec's, holds NaN or infinity, or another
                number of blocks than it should.
        """
        count, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        key, body = shared_key.from_bytes(body), body[shared_key.KEY_BYTES :]
        bitmap, body = body[: self._bitmap_bytes(count)], body[self._bitmap_bytes(count) :]
        whole, signs = count // self.block, self._sent(count)
        sent = unpack(bitmap, 8 * len(bitmap), 1) if bitmap else np.ones(whole, np.uint8)
        places = np.flatnonzero(sent)
        if len(places) != signs // self.block or (places >= whole).any():
            raise ValueError(f"payload names {len(places)} of {whole} blocks")
        end = FLOAT32_BYTES * blocks(signs, self.block)
        scales = np.frombuffer(body[:end], "<f4").astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # of a sender who lies
            update = self._read(key, places, scales, unpack(body[end:], signs, 1), count)
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads, and its size; see `Codec.transmit`."""
        key, places, scales, signs = self._signs(update, phone, nth)
        read = self._read(key, places, scales, signs, len(update))
        return read, self.payload_bytes(len(update))

    def _signs(self, update: Vector, phone: int, nth: int) -> tuple[int, Places, Vector, Levels]:
        """The key, which whole blocks are sent, the scales, and the signs: 1 where negative."""
        key = shared_key.draw(self.seed, phone, nth)
        turned = rotate(payload.bounded(update), key, self.block)
        sizes, squares, widths = [np.zeros(0)], [np.zeros(0)], [np.zeros(0)]
        for rows in rows_of(turned, self.block):
            sizes.append(np.abs(rows).sum(axis=1, dtype=np.float64))
            squares.append(np.square(rows, dtype=np.float64).sum(axis=1))
            widths.append(np.full(*rows.shape))
        size, square, width = map(np.concatenate, (sizes, squares, widths))
        if self.scale == "least_error":
            scales = size / width
        else:
            scales = np.divide(square, size, out=np.zeros_like(size), where=size > 0)
        whole = len(turned) // self.block
        places, chances = self._chosen(np.sqrt(square[:whole]), key)
        scales = np.concatenate([scales[places] / chances, scales[whole:]])
        sent = turned if len(places) == whole else _compact(turned, places, self.block)
        return key, places, scales.astype(np.float32), np.signbit(sent).view(np.uint8)

    def _chosen(self, norms: Floats, key: int) -> tuple[Places, Floats]:
        """Which whole blocks of these norms are sent, and the chance of each. Shapes [k]."""
        number = kept(len(norms), self.share)
        if self.scale == "least_error" or number == len(norms):
            return np.sort(np.argsort(-norms, kind="stable")[:number]), np.ones(number)
        chances = sampling.chances(norms, number)
        start = seeds.stream(key, "blocks").random()
        places = sampling.systematic(chances, number, start)
        return places, chances[places]

    def _read(self, key: int, places: Places, scales: Vector, signs: Levels, count: int) -> Vector:
        """The update of what was sent. Shape [count]."""
        turned = signed(scales, signs, self.block)
        if len(turned) < count:
            sent, turned = turned, np.zeros(count, np.float32)
            whole = count // self.block * self.block
            end = len(places) * self.block
            turned[:whole].reshape(-1, self.block)[places] = sent[:end].reshape(-1, self.block)
            turned[whole:] = sent[end:]
        return rotate_back(turned, key, self.block)

    def _sent(self, count: int) -> int:
        """How many signs are sent of `count` coordinates."""
        whole, rest = divmod(count, self.block)
        return kept(whole, self.share) * self.block + rest

    def _bitmap_bytes(self, count: int) -> int:
        """Bytes that say which blocks are sent: none where all are."""
        return packed_bytes(count // self.block, 1) if self.share < 1.0 else 0


def signed(scales: Vector, signs: Levels, block: int) -> Vector:
    """Each block's scale with the signs of its coordinates. Shape [n]."""
    numbers = 1.0 - 2.0 * signs.astype(np.float32)
    at = 0
    for rows in rows_of(numbers, block):
        np.multiply(rows, scales[at : at + len(rows), None], out=rows)
        at += len(rows)
    return numbers


def _compact(turned: Vector, places: Places, block: int) -> Vector:
    """Some of the whole blocks, and the rest behind the last. Shape [C]."""
    whole = len(turned) // block * block
    return np.concatenate([turned[:whole].reshape(-1, block)[places].ravel(), turned[whole:]])
