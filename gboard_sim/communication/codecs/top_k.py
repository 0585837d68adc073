"""The codec of the largest numbers: their places and values; the rest is read as zero.

S. Stich, J.-B. Cordonnier, M. Jaggi, "Sparsified SGD with Memory" (NeurIPS 2018, arXiv 1809.07599):
the k numbers of d that are farthest from zero; the error is at most (1 - k / d) |x|^2. A place
takes ceil(log2 d) bits, a value 32. It is biased, which `codec.error_feedback` mends.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim.communication.codecs import payload
from gboard_sim.communication.codecs.packing import (
    Places,
    pack_places,
    packed_bytes,
    place_bits,
    unpack_places,
)
from gboard_sim.seam.records import Vector
from gboard_sim.units import FLOAT32_BYTES

_LETTERS = b"topk"


def kept(count: int, share: float) -> int:
    """How many of `count` numbers a share is: at least one, of any at all."""
    return min(count, max(1, round(share * count)))


SAMPLED = 64
"""One of so many numbers says where the largest begin (assumed)."""


def _candidates(sizes: Vector, number: int) -> Places | None:
    """Places that hold the largest `number` of sizes and not many more; None where none are sure.

    What a sample says is counted, so it may cost time, never a place.
    """
    sample = sizes[::SAMPLED]
    # Half as many again as their share of the sample, and four: hardly ever too few.
    wanted = min(len(sample), number * 3 // (2 * SAMPLED) + 4)
    least = np.partition(sample, len(sample) - wanted)[len(sample) - wanted]
    among = np.flatnonzero(sizes >= least)
    return among if len(among) >= number else None


@dataclass(frozen=True, slots=True)
class TopK:
    """Body: places in ascending order, packed; values as binary32.

    Attributes:
        share: Of the numbers, k / d.
        name: Its name in experiment files.
        size: Follows from the number of parameters.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "top_k"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    share: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ValueError(f"share(={self.share}) must be above 0 and at most 1")

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        number = kept(parameters, self.share)
        places = packed_bytes(number, place_bits(parameters))
        return payload.HEADER_BYTES + places + FLOAT32_BYTES * number

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        places = self._places(update)
        body = pack_places(places, place_bits(len(update)))
        return payload.frame(_LETTERS, len(update), body + update[places].astype("<f4").tobytes())

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, another codec's, or holds NaN or infinity.
        """
        count, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        number, bits = kept(count, self.share), place_bits(count)
        end = packed_bytes(number, bits)
        places = unpack_places(body[:end], number, bits)
        if (np.diff(places) <= 0).any() or (places >= count).any():
            raise ValueError(f"payload holds places that do not ascend below {count}")
        update = np.zeros(count, np.float32)
        update[places] = np.frombuffer(body[end:], "<f4")
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """The largest numbers alone, and their size; see `Codec.transmit`."""
        places = self._places(update)
        received = np.zeros(len(update), np.float32)
        received[places] = update[places]
        return received, self.payload_bytes(len(update))

    def _places(self, update: Vector) -> Places:
        """Places of the largest numbers, ascending. Shape [k]."""
        payload.refuse_unusable(update)
        number = kept(len(update), self.share)
        if not number:
            return np.zeros(0, np.int64)
        sizes = np.abs(update)
        among = _candidates(sizes, number)
        found = sizes if among is None else sizes[among]
        largest = np.argpartition(found, len(found) - number)[-number:]
        return np.sort(largest if among is None else among[largest])
