"""The lossless stage: what a codec made, compressed by zstd, so that its size must be measured.

What a lossy codec leaves is far from evenly spread: most levels of k are near the middle, and an
entropy code takes few bits for them (N. Mitchell et al., "Optimizing the Communication-Accuracy
Trade-off in Federated Learning with Rate-Distortion Theory", 2022, arXiv 2201.02664).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import pyarrow as pa

from gboard_sim.communication.codecs import payload
from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Vector

LEVEL = 3
"""Of zstd, its own default (RFC 8878 leaves it to the encoder)."""

_LETTERS = b"zstd"


@dataclass(frozen=True, slots=True)
class Zstd:
    """Body: another codec's payload, its header included, as one zstd frame.

    Attributes:
        inner: The codec whose payloads are compressed.
        size: Depends on the update.
    """

    size: ClassVar[Literal["fixed", "measured"]] = "measured"

    inner: Codec

    @property
    def name(self) -> str:
        """The inner codec's: the stage changes nothing of what is read."""
        return self.inner.name

    def payload_bytes(self, parameters: int) -> int:
        """Size of the inner codec's encoding, before it is compressed."""
        return self.inner.payload_bytes(parameters)

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender.

        Raises:
            ValueError: `update` is no flat float32 vector of finite numbers.
        """
        return self._compressed(self.inner.encode(update, phone, nth), len(update))

    def decode(self, encoded: bytes) -> Vector:
        """The update that the receiver reads.

        Raises:
            ValueError: The payload is damaged, or not what this stage and its codec make.
        """
        count, body = payload.unframe(_LETTERS, encoded)
        expected = self.inner.payload_bytes(count)
        try:
            whole = pa.Codec("zstd").decompress(body, expected, asbytes=True)
        except (OSError, ValueError, MemoryError) as error:
            raise ValueError(f"payload does not decompress to {expected} bytes: {error}") from error
        return self.inner.decode(whole)

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads, and the compressed size; see `Codec.transmit`."""
        inner = self.inner.encode(update, phone, nth)
        return self.inner.decode(inner), len(self._compressed(inner, len(update)))

    def _compressed(self, inner: bytes, count: int) -> bytes:
        body = pa.Codec("zstd", compression_level=LEVEL).compress(inner, asbytes=True)
        return payload.frame(_LETTERS, count, body)
