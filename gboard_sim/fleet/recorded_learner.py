"""Learners that keep or repeat what crossed the seam: how a run is journaled, and resumed."""

from collections.abc import Mapping, Sequence

from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.protocols import Learner
from gboard_sim.seam.records import Answer, Attempt, Cohort, Measure, Outcome


class JournaledLearner:
    """Passes everything on to a learner, and every cohort to the journal first.

    Args:
        learner: Who learns.
        journal: Where cohorts are appended.
        versions: Whether to append the versions too, for a learner that learns nothing; then
            dropouts, from which nothing is to be learned, are left out.
    """

    def __init__(self, learner: Learner, journal: Journal, *, versions: bool = False) -> None:
        self.answers: frozenset[Answer] = learner.answers
        self.typing = learner.typing
        self.download_bytes = learner.download_bytes
        self.expect = learner.expect
        self.measure = learner.measure
        self.outcome = learner.outcome
        self._learner = learner
        self._journal = journal
        self._versions = versions

    def step(self, cohort: Cohort) -> None:
        """Append the cohort to the journal and hand it on."""
        self._journal.cohort(cohort)
        if cohort.dropouts and not self._versions:
            self._journal.dropouts(cohort)
        if self._versions and cohort.task == "train":
            nothing = float("nan")
            self._journal.version(cohort, tokens=0, loss=nothing, update_norm=nothing)
        self._learner.step(cohort)


class RecordedLearner:
    """Answers from the journal until a version, and from then on asks a learner that starts there.

    Simpy's queue cannot be saved and need not be: a resumed fleet runs again from the start
    against these answers, and meets the same world.

    Args:
        outcomes: Recorded outcomes by version.
        measures: Recorded measures by session.
        until: The newest version that is recorded.
        then: Who makes the versions after it.
    """

    def __init__(
        self,
        outcomes: Mapping[int, Outcome],
        measures: Mapping[int, Measure],
        until: int,
        then: Learner,
    ) -> None:
        self.answers: frozenset[Answer] = then.answers
        self.typing = then.typing
        self.download_bytes = then.download_bytes
        self._outcomes = outcomes
        self._measures = measures
        self._until = until
        self._then = then
        self._newest = 0

    def expect(self, attempts: Sequence[Attempt]) -> None:
        """Pass on what is not recorded."""
        self._then.expect([a for a in attempts if a.session not in self._measures])

    def measure(self, attempt: Attempt) -> Measure:
        """The recorded measure, or a new one."""
        recorded = self._measures.get(attempt.session)
        return recorded if recorded is not None else self._then.measure(attempt)

    def step(self, cohort: Cohort) -> None:
        """Pass on a cohort that came after the one that made the last recorded version."""
        if cohort.task == "train":
            recorded = cohort.makes_version <= self._until
            self._newest = cohort.makes_version
        else:
            recorded = self._newest < self._until
        if not recorded:
            self._then.step(cohort)

    def outcome(self, version: int) -> Outcome:
        """The recorded outcome, or a new one."""
        return self._outcomes[version] if version <= self._until else self._then.outcome(version)
