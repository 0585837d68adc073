"""A learner that learns nothing: it lets a fleet run alone, at any size, with plausible text."""

from collections.abc import Sequence

import numpy as np

from gboard_sim import seeds
from gboard_sim.seam.protocols import Downlink
from gboard_sim.seam.records import Answer, Attempt, Cohort, Floats, Ints, Measure, Outcome
from gboard_sim.seam.typing_record import Typed
from gboard_sim.units import DAY_S


class FakeLearner:
    """Answers nothing that depends on weights, unless it is told to stop a run.

    Attributes:
        answers: Empty, or `stop`.
        cohorts: How many cohorts it was handed.
    """

    def __init__(
        self,
        typing: Typed,
        download_bytes: int,
        *,
        downlink: Downlink | None = None,
        stop_at_version: int | None = None,
    ) -> None:
        """A fake learner.

        Args:
            typing: Who typed how much; `plausible_typing` makes some.
            download_bytes: Bytes of a model, whatever a phone holds.
            downlink: What phones download instead, where it is not the whole model.
            stop_at_version: The version at which it asks the run to stop, as `fake`.
        """
        self.answers: frozenset[Answer] = frozenset(() if stop_at_version is None else ("stop",))
        self.cohorts = 0
        self._typing = typing
        self._download_bytes = download_bytes
        self._downlink = downlink
        self._stop_at_version = stop_at_version

    def typing(self) -> Typed:
        """Who typed how much, when."""
        return self._typing

    def download_bytes(self, held: Ints, wanted: int) -> Ints:
        """The whole model, whatever is held, or what the downlink asks. Shape [n]."""
        if self._downlink is not None:
            return self._downlink.download_bytes(held, wanted)
        return np.full(len(held), self._download_bytes, dtype=np.int64)

    def expect(self, attempts: Sequence[Attempt]) -> None:
        """Takes the hint and does nothing."""

    def measure(self, attempt: Attempt) -> Measure:
        """Knows nothing of any attempt."""
        return Measure()

    def step(self, cohort: Cohort) -> None:
        """Counts the cohort."""
        self.cohorts += 1

    def outcome(self, version: int) -> Outcome:
        """An outcome without metrics; asks to stop at the version that was set."""
        stops = self._stop_at_version is not None and version >= self._stop_at_version
        return Outcome(version, stop="fake" if stops else None)


class EvenTyping:
    """Text of a made-up fleet, spread evenly over the run: worked out, not stored.

    A million phones have fifty million messages; their times and tokens would fill gigabytes.

    Args:
        rows: Messages of each phone in the whole run. Shape [phones].
        until_s: When the last is typed.
        at_start: Share of each phone's messages that were typed before the run.
        row_tokens: Tokens of every message.
        cache_rows: Most messages in a cache.
    """

    def __init__(
        self, rows: Ints, *, until_s: float, at_start: float, row_tokens: int, cache_rows: int
    ) -> None:
        self._first = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
        self._until_s = until_s
        self._at_start = at_start
        self._row_tokens = row_tokens
        self._cache_rows = cache_rows

    @property
    def phones(self) -> int:
        """Number of phones."""
        return len(self._first) - 1

    @property
    def shortest(self) -> int | None:
        """Tokens of the shortest row; None where there is no row at all."""
        return self._row_tokens if self._first[-1] else None

    def cached(self, phone: Ints, at_s: Floats, cap: Ints | int) -> tuple[Ints, Ints]:
        """The rows in the training caches of `phone` at `at_s`: first and last-plus-one."""
        first, rows = self._first[phone], self._first[phone + 1] - self._first[phone]
        # Row i of n is typed when the share (i + 1/2) / n of the phone's text is.
        share = self._at_start + (1.0 - self._at_start) * at_s / self._until_s
        typed = np.floor(np.minimum(share, 1.0) * rows + 0.5).astype(np.int64)
        last = first + np.where(at_s < 0.0, 0, np.minimum(typed, rows))
        return np.maximum(first, last - np.minimum(cap, self._cache_rows)), last

    def tokens_of(self, first: Ints, last: Ints) -> Ints:
        """Tokens in rows `first:last`, elementwise. Shape [n]."""
        return (last - first) * self._row_tokens

    def held_out_tokens(self, phone: Ints) -> Ints:
        """Tokens never trained on: a fifth beside the others, as experiments set it. Shape [n]."""
        rows = self._first[phone + 1] - self._first[phone]
        return rows * self._row_tokens // 4


def plausible_typing(
    phones: int,
    days: float,
    seed: int,
    *,
    mean_rows: float = 50.0,
    sigma: float = 1.1,
    row_tokens: int = 10,
    at_start: float = 0.5,
    cache_rows: int = 1000,
) -> EvenTyping:
    """Text of a made-up fleet: rows per phone lognormal, spread evenly over the run.

    Args:
        phones: How many phones.
        days: Length of the run.
        seed: Keys the draws.
        mean_rows: Mean messages of a phone in the whole run (assumed).
        sigma: Sigma of their lognormal number (that of Gboard-like caches; assumed).
        row_tokens: Tokens of every message (assumed).
        at_start: Share of the messages that were typed before the run (assumed).
        cache_rows: Most messages in a cache (Reddi et al., ICLR 2021, cap 1000 sentences).
    """
    phone = np.arange(phones)
    scale = np.exp(sigma * seeds.normals(seed, "fake rows", phone) - sigma**2 / 2)
    rows = np.floor(mean_rows * scale + seeds.uniforms(seed, "fake rounding", phone))
    return EvenTyping(
        rows.astype(np.int64),
        until_s=days * DAY_S,
        at_start=at_start,
        row_tokens=row_tokens,
        cache_rows=cache_rows,
    )
