"""Updates of which only the rows of words that a phone typed travel, with a bitmap of these words.

A phone trains all rows of the embedding and the output layer; the softmax pushes the row of every
word that it did not type a little away from what it read. That push is what is dropped: the server
takes a row that did not travel as a row that did not move, so its mean counts every upload, as
federated averaging does. `<s>`, which begins every message, always travels.

How much travels follows from the text alone, not from weights: the fleet prices it without any
training. It tells the server which words a phone typed, so no privacy claim holds with it.
"""

from collections.abc import Iterable
from typing import Literal
from zlib import crc32

import numpy as np

from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.text.batches import TokenStore
from gboard_sim.learning.text.packing import BOS, Ids
from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Ints, Vector
from gboard_sim.seam.uploads import StintRows

CRC_BYTES = 4


def typed_words(store: TokenStore, ranges: Iterable[tuple[int, int]]) -> Ids:
    """The token ids that occur in ranges of rows, first to last-plus-one, and `<s>`: ascending."""
    parts = [store.tokens[store.first[first] : store.first[last]] for first, last in ranges]
    words: Ids = np.unique(np.concatenate([np.full(1, BOS, np.int32), *parts]))
    return words


def bitmap_bytes(vocabulary: int) -> int:
    """Bytes of a bitmap of words, its checksum included."""
    return -(-vocabulary // 8) + CRC_BYTES


class TypedRows:
    """A codec of compact vectors that lets the rows of some words through; see `Codec`.

    ```
    bitmap of the words | its CRC-32 | the inner codec's payload of what is left
    ```

    Args:
        inner: What goes through it.
        wire: Where rows lie in compact vectors.
        words: The words, ascending. Shape [k].
    """

    def __init__(self, inner: Codec, wire: Wire, words: Ids) -> None:
        self._inner = inner
        self._wire = wire
        self._words = words

    @property
    def name(self) -> str:
        """The inner codec's."""
        return self._inner.name

    @property
    def size(self) -> Literal["fixed", "measured"]:
        """As the inner codec's, once the words are known."""
        return self._inner.size

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of a compact vector."""
        if parameters != self._wire.parameters:
            raise ValueError(f"{parameters} numbers; a compact vector has {self._wire.parameters}")
        return self._head_bytes + self._inner.payload_bytes(self._wire.numbers(len(self._words)))

    @property
    def _head_bytes(self) -> int:
        return bitmap_bytes(self._wire.vocabulary)

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the phone."""
        flags = np.zeros(self._wire.vocabulary, bool)
        flags[self._words] = True
        bitmap = np.packbits(flags).tobytes()
        body = self._inner.encode(self._wire.pick(update, self._words), phone, nth)
        return bitmap + crc32(bitmap).to_bytes(CRC_BYTES, "little") + body

    def decode(self, payload: bytes) -> Vector:
        """The compact vector that the server reads; what did not travel is 0.

        Raises:
            ValueError: The payload is damaged, or does not fit the wire.
        """
        head = self._head_bytes
        bitmap, checksum = payload[: head - CRC_BYTES], payload[head - CRC_BYTES : head]
        if len(checksum) < CRC_BYTES or crc32(bitmap) != int.from_bytes(checksum, "little"):
            raise ValueError("bitmap of words fails its checksum: damaged or cut short")
        flags = np.unpackbits(np.frombuffer(bitmap, np.uint8), count=self._wire.vocabulary)
        words = np.flatnonzero(flags).astype(np.int32)
        picked = self._inner.decode(payload[head:])
        if len(picked) != self._wire.numbers(len(words)):
            raise ValueError(
                f"payload of {len(picked)} numbers; {len(words)} words make "
                f"{self._wire.numbers(len(words))}"
            )
        return self._wire.place(picked, words)

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """See `Codec.transmit`."""
        picked, size = self._inner.transmit(self._wire.pick(update, self._words), phone, nth)
        return self._wire.place(picked, self._words), self._head_bytes + size


class TypedSizes:
    """What attempts send, as their text alone tells.

    Args:
        store: What phones may train on.
        wire: Where rows lie in compact vectors.
        codec: What goes through afterwards, of fixed size.
    """

    def __init__(self, store: TokenStore, wire: Wire, codec: Codec) -> None:
        self._store = store
        self._wire = wire
        self._codec = codec

    def payload_bytes(self, stints: StintRows) -> Ints:
        """Size of the payload of each attempt. Shape [n]."""
        head = bitmap_bytes(self._wire.vocabulary)
        return np.array(
            [head + self._codec.payload_bytes(count) for count in self.numbers(stints)], np.int64
        )

    def numbers(self, stints: StintRows) -> Ints:
        """Numbers in the payload of each attempt. Shape [n]."""
        ranges = list(zip(stints.row_first.tolist(), stints.row_last.tolist(), strict=True))
        bounds = zip(stints.first[:-1].tolist(), stints.first[1:].tolist(), strict=True)
        return np.array([self.count(ranges[first:last]) for first, last in bounds], np.int64)

    def count(self, ranges: Iterable[tuple[int, int]]) -> int:
        """Numbers in the payload of an attempt whose stints had these rows."""
        return self._wire.numbers(len(typed_words(self._store, ranges)))
