"""Attempts on their way to a measure: trained because timing depends on what they came to."""

from collections.abc import Iterable

from gboard_sim.learning.jobs import MeasureAttempt
from gboard_sim.learning.measured import MeasuredUpdates
from gboard_sim.learning.pool import Pool
from gboard_sim.seam.records import Attempt, Cohort, Measure


class Measuring:
    """What is to be measured, what is being measured, and what came of it.

    Args:
        compares: Whether signs are compared with those of the last step.
        updates: Where workers keep what they trained, for the cohort that may use it; None keeps
            nothing.
        most: Updates kept at most.
    """

    def __init__(
        self, *, compares: bool = False, updates: MeasuredUpdates | None = None, most: int = 0
    ) -> None:
        self._compares = compares
        self._updates = updates
        self._most = most if updates is not None else 0
        self._kept: set[int] = set()
        self._expected: dict[int, Attempt] = {}
        self._started: set[int] = set()
        self._found: dict[int, Measure] = {}

    def expect(self, attempts: Iterable[Attempt]) -> None:
        """Take note of attempts to measure, but for those that are being measured."""
        self._expected |= {a.session: a for a in attempts if a.session not in self._started}

    def start(self, pool: Pool) -> None:
        """Give every idle worker one, as far as there are."""
        while self._expected and pool.idle():
            session = next(iter(self._expected))
            self._started.add(session)
            keeps = len(self._kept) < self._most
            self._kept |= {session} if keeps else set()
            job = MeasureAttempt(self._expected.pop(session), self._compares, keeps)
            pool.start(("measure", session, 0), job)

    def add(self, session: int, measure: Measure) -> None:
        """Take what a worker found."""
        self._found[session] = measure

    def take(self, session: int) -> Measure | None:
        """What came of an attempt, once; None as long as a worker is at it."""
        measure = self._found.pop(session, None)
        if measure is not None:
            self._started.remove(session)
        return measure

    def settle(self, cohort: Cohort) -> None:
        """Forget the updates that a version has used, or that no version will use."""
        if self._updates is None:
            return
        over = self._kept & {
            *(upload.session for upload in cohort.uploads),
            *(lost.session for lost in cohort.dropouts),
        }
        self._updates.forget(over)
        self._kept -= over
