"""How much text phones have, and since when: all that the fleet knows of it.

`Typing` is the record of the seam that says so, and `Typed` what the fleet asks of it.
"""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from gboard_sim.seam.records import Floats, Ints


class Typed(Protocol):
    """How much text each phone has, and since when; `Typing` is one."""

    @property
    def phones(self) -> int:
        """Number of phones."""
        ...

    @property
    def shortest(self) -> int | None:
        """Tokens of the shortest row; None where there is no row at all."""
        ...

    def cached(self, phone: Ints, at_s: Floats, cap: Ints | int) -> tuple[Ints, Ints]:
        """The rows in the training caches of `phone` at `at_s`: first and last-plus-one."""
        ...

    def tokens_of(self, first: Ints, last: Ints) -> Ints:
        """Tokens in rows `first:last`, elementwise. Shape [n]."""
        ...

    def held_out_tokens(self, phone: Ints) -> Ints:
        """Tokens of each phone's text that is never trained on. Shape [n]."""
        ...


@dataclass(frozen=True, slots=True)
class Typing:
    """How much text each phone has, and since when: all that the fleet knows of the text.

    Attributes:
        first: Phone `p` owns rows `first[p]:first[p + 1]`. Shape [phones + 1].
        time_s: When each row was typed, ascending within a phone. Shape [rows].
        tokens: Tokens that a training pass over the row costs. Shape [rows].
        cache_rows: Most rows that a phone's training cache holds, the newest first.
        expiry_s: Age at which a row leaves the cache.
        held_out: Tokens of each phone's text that is never trained on; None where there is none.
            Shape [phones].
    """

    first: Ints
    time_s: Floats
    tokens: Ints
    cache_rows: int
    expiry_s: float
    held_out: Ints | None = None
    _span: float = field(init=False, repr=False, compare=False)
    _key: Floats = field(init=False, repr=False, compare=False)
    _until: Ints = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # A stretch of time longer than all typing keeps the phones apart on one sorted axis.
        span = float(self.time_s.max(initial=0.0)) + 1.0
        owner = np.repeat(np.arange(self.phones), np.diff(self.first))
        object.__setattr__(self, "_span", span)
        object.__setattr__(self, "_key", owner * span + self.time_s)
        object.__setattr__(self, "_until", np.concatenate([[0], np.cumsum(self.tokens)]))

    @property
    def phones(self) -> int:
        """Number of phones."""
        return len(self.first) - 1

    @property
    def shortest(self) -> int | None:
        """Tokens of the shortest row; None where there is no row at all."""
        return int(self.tokens.min()) if len(self.tokens) else None

    def cached(self, phone: Ints, at_s: Floats, cap: Ints | int) -> tuple[Ints, Ints]:
        """The rows in the training caches of `phone` at `at_s`, as first and last-plus-one row.

        Args:
            phone: Phones. Shape [n].
            at_s: A time for each. Shape [n].
            cap: A further limit on the number of rows (`LocalWork.cap`), newest first.

        Returns:
            Two arrays of shape [n]; equal where the cache is empty.
        """
        span = self._span
        typed = np.clip(at_s, -1.0, span - 0.5)
        kept = np.clip(at_s - self.expiry_s, -1.0, span - 0.5)
        last = np.searchsorted(self._key, phone * span + typed, side="right")
        last = np.maximum(last, self.first[phone])
        first = np.searchsorted(self._key, phone * span + kept, side="right")
        first = np.maximum(first, self.first[phone])
        return np.maximum(first, last - np.minimum(cap, self.cache_rows)), last

    def tokens_of(self, first: Ints, last: Ints) -> Ints:
        """Tokens in rows `first:last`, elementwise. Shape [n]."""
        return self._until[last] - self._until[first]

    def held_out_tokens(self, phone: Ints) -> Ints:
        """Tokens of each phone's text that is never trained on. Shape [n]."""
        return np.zeros(len(phone), np.int64) if self.held_out is None else self.held_out[phone]
