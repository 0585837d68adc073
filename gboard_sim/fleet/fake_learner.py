"""A learner that learns nothing: it lets a fleet run alone, at any size, with plausible text."""

from collections.abc import Sequence

import numpy as np

from gboard_sim import seeds
from gboard_sim.records import Answer, Attempt, Cohort, Ints, Measure, Outcome, Typing
from gboard_sim.units import DAY_S


class FakeLearner:
    """Answers nothing that depends on weights, unless it is told to stop a run.

    Attributes:
        answers: Empty, or `stop`.
        cohorts: How many cohorts it was handed.
    """

    def __init__(
        self, typing: Typing, download_bytes: int, *, stop_at_version: int | None = None
    ) -> None:
        """A fake learner.

        Args:
            typing: Who typed how much; `plausible_typing` makes some.
            download_bytes: Bytes of a model, whatever a phone holds.
            stop_at_version: The version at which it asks the run to stop, as `fake`.
        """
        self.answers: frozenset[Answer] = frozenset(() if stop_at_version is None else ("stop",))
        self.cohorts = 0
        self._typing = typing
        self._download_bytes = download_bytes
        self._stop_at_version = stop_at_version

    def typing(self) -> Typing:
        """Who typed how much, when."""
        return self._typing

    def download_bytes(self, held: Ints, wanted: int) -> Ints:
        """The whole model, whatever is held. Shape [n]."""
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


def plausible_typing(
    phones: int,
    days: float,
    seed: int,
    *,
    mean_rows: float = 50.0,
    sigma: float = 1.1,
    mean_tokens: float = 10.0,
    at_start: float = 0.5,
    cache_rows: int = 1000,
) -> Typing:
    """Text of a made-up fleet: rows per phone lognormal, spread evenly over the run.

    Args:
        phones: How many phones.
        days: Length of the run.
        seed: Keys the draws.
        mean_rows: Mean messages of a phone in the whole run (assumed).
        sigma: Sigma of their lognormal number (that of Gboard-like caches; assumed).
        mean_tokens: Mean tokens of a message, geometric (assumed).
        at_start: Share of the messages that were typed before the run (assumed).
        cache_rows: Most messages in a cache (Reddi et al., ICLR 2021, cap 1000 sentences).
    """
    phone = np.arange(phones)
    scale = np.exp(sigma * seeds.normals(seed, "fake rows", phone) - sigma**2 / 2)
    rows = np.floor(mean_rows * scale + seeds.uniforms(seed, "fake rounding", phone))
    first = np.concatenate([[0], np.cumsum(rows.astype(np.int64))])
    owner = np.repeat(phone, np.diff(first))
    nth = np.arange(first[-1]) - first[owner]
    share = (nth + 0.5) / np.diff(first)[owner]
    time_s = np.maximum(share - at_start, 0.0) / (1.0 - at_start) * days * DAY_S
    draw = seeds.uniforms(seed, "fake tokens", owner, nth)
    tokens = 1 + np.floor(np.log1p(-draw) / np.log1p(-1.0 / mean_tokens)).astype(np.int64)
    return Typing(first, time_s, tokens, cache_rows, expiry_s=float("inf"))
