"""The codec of a random mask: the values at places that both ends draw from one key.

J. Konecny et al., "Federated Learning: Strategies for Improving Communication Efficiency" (2016,
arXiv 1610.05492), section 2 (random mask, and subsampling's scale): k of d numbers, each d / k
times too large, so that the mean over masks is the update. The error's mean is (d / k - 1) |x|^2.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from gboard_sim import seeds
from gboard_sim.communication.codecs import payload, shared_key
from gboard_sim.communication.codecs.packing import Places
from gboard_sim.communication.codecs.top_k import kept
from gboard_sim.seam.records import Vector
from gboard_sim.units import FLOAT32_BYTES

_LETTERS = b"mask"
LEAST_SHARE = 1e-4
"""So that what is scaled up stays finite (assumed)."""


@dataclass(frozen=True, slots=True)
class RandomMask:
    """Body: the key; values as binary32, not yet scaled.

    Attributes:
        share: Of the numbers, k / d.
        seed: The experiment's seed.
        name: Its name in experiment files.
        size: Follows from the number of parameters.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "random_mask"
    size: ClassVar[Literal["fixed", "measured"]] = "fixed"

    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not LEAST_SHARE <= self.share <= 1.0:
            raise ValueError(f"share(={self.share}) must be between {LEAST_SHARE} and 1")

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included."""
        values = FLOAT32_BYTES * kept(parameters, self.share)
        return payload.HEADER_BYTES + shared_key.KEY_BYTES + values

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        key = shared_key.draw(self.seed, phone, nth)
        values = payload.bounded(update)[self._places(len(update), key)]
        body = shared_key.to_bytes(key) + values.astype("<f4").tobytes()
        return payload.frame(_LETTERS, len(update), body)

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, another codec's, or holds NaN or infinity.
        """
        count, body = payload.read(_LETTERS, encoded, self.payload_bytes)
        places = self._places(count, shared_key.from_bytes(body))
        values = np.frombuffer(body[shared_key.KEY_BYTES :], "<f4").astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # of a sender who lies
            update = _scattered(places, values, count)
        payload.refuse_unusable(update)
        return update

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads, and its size; see `Codec.transmit`."""
        places = self._places(len(update), shared_key.draw(self.seed, phone, nth))
        received = _scattered(places, payload.bounded(update)[places], len(update))
        return received, self.payload_bytes(len(update))

    def _places(self, count: int, key: int) -> Places:
        """The places of a key: distinct, every set of them as likely as any other. Shape [k]."""
        number = kept(count, self.share)
        if not number:
            return np.zeros(0, np.int64)
        drawn = seeds.stream(key, "mask").choice(count, number, replace=False, shuffle=False)
        return drawn.astype(np.int64)


def _scattered(places: Places, values: Vector, count: int) -> Vector:
    """Values at their places, scaled up for those that were left out. Shape [count]."""
    update = np.zeros(count, np.float32)
    if count:
        update[places] = values * np.float32(count / len(places))
    return update
