"""A payload with bytes beside it, each way, which say what the update does not."""

from dataclasses import dataclass
from typing import Literal

from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Vector


@dataclass(frozen=True, slots=True)
class Beside:
    """Another codec's payload, and how many bytes go with it.

    What they say does not pass through here: the simulator knows it.

    Attributes:
        inner: The codec of the payload.
        beside_bytes: What a phone sends beside each: such as keys and shares of secure aggregation,
            or the bit of an adaptive clip.
        answer_bytes: What it is sent for it: such as the other phones' keys and shares.
    """

    inner: Codec
    beside_bytes: int
    answer_bytes: int = 0

    @property
    def name(self) -> str:
        """The inner codec's."""
        return self.inner.name

    @property
    def size(self) -> Literal["fixed", "measured"]:
        """The inner codec's."""
        return self.inner.size

    def payload_bytes(self, parameters: int) -> int:
        """Size of all that is sent for `parameters` numbers."""
        return self.inner.payload_bytes(parameters) + self.beside_bytes

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The payload, without what goes beside it."""
        return self.inner.encode(update, phone, nth)

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads; see `Codec.decode`."""
        return self.inner.decode(encoded)

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads, and the size of all that is sent; see `Codec.transmit`."""
        received, size = self.inner.transmit(update, phone, nth)
        return received, size + self.beside_bytes
