"""Judgements of versions, under way and due: on validation text, or by phones on their own."""

from collections import deque

from gboard_sim.errors import InvariantError
from gboard_sim.learning.evaluation.evaluation import EvaluationSet, Metrics, Scoring
from gboard_sim.learning.evaluation.held_out import HeldOutText, Reporting
from gboard_sim.learning.evaluation.tally import Tally
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.jobs import Job, Result
from gboard_sim.learning.moving_average import MovingAverage
from gboard_sim.learning.pool import Key
from gboard_sim.learning.stopping import StopRules, StopState
from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.records import Cohort

_ASIDE = -1
"""In the place of a version: the judgement that stands outside their course."""


class Judgements:
    """What is judged while a run lasts, and what is entered of it; see `Scoring` and `Reporting`.

    Args:
        validation: What versions are judged on.
        every: Versions between judgements.
        average: What is judged as a version.
        journal: Where figures are entered, in the order of versions.
        stop_rules: When recall ends the run.
        stopping: What they remember.
        held_out: What phones judge versions on; None where they never do.

    Attributes:
        recall_at_3: Of the newest judgement on validation text; None before the first.
        stopping: What the stop rules remember by now.
        average: See above.
    """

    def __init__(
        self,
        *,
        validation: EvaluationSet,
        every: int,
        average: MovingAverage,
        journal: Journal,
        stop_rules: StopRules | None = None,
        stopping: StopState | None = None,
        held_out: HeldOutText | None = None,
    ) -> None:
        self.average = average
        self.recall_at_3: float | None = None
        self.stopping = stopping or StopState()
        self._validation = validation
        self._every = every
        self._journal = journal
        self._stop_rules = stop_rules or StopRules()
        self._held_out = held_out
        self._scorings: dict[int, Scoring] = {}
        self._reports: deque[Reporting] = deque()

    @property
    def stops(self) -> bool:
        """Whether recall may end the run."""
        return self._stop_rules.any

    @property
    def awaited(self) -> bool:
        """Whether reports of phones are not all entered."""
        return bool(self._reports)

    def hand_over(self, cohort: Cohort, newest: int) -> None:
        """Take phones that judge a version, the newest of those asked for being `newest`.

        Raises:
            InvariantError: Phones have nothing to judge on, or the version was never asked for.
        """
        if self._held_out is None or cohort.makes_version > newest:
            raise InvariantError(f"phones cannot judge version {cohort.makes_version}")
        self._reports.append(self._held_out.reporting(cohort, newest))

    def used(self, cohort: Cohort) -> None:
        """Take note of the phones whose updates a version uses."""
        if self._held_out is not None:
            self._held_out.used(cohort)

    def made(self, version: int) -> None:
        """A version exists; it is judged if it is due."""
        if version % self._every == 0:
            self._scorings[version] = self._validated(version)

    def start(self, published: int) -> tuple[Key, Job] | None:
        """The next part to be scored, of a version that exists; None where there is none."""
        for at, scoring in self._scorings.items():
            if scoring.pending:
                number, job = scoring.start()
                return ("score", at, number), job
        for reporting in self._reports:
            if reporting.pending and reporting.version <= published:
                number, tallying = reporting.start()
                return ("report", reporting.number, number), tallying
        return None

    def add(self, at: int, number: int, result: Result) -> None:
        """Take a part that was scored, or some phones' reports."""
        match result:
            case Scored():
                self._scorings[at].add(number, result)
            case Tally():
                next(r for r in self._reports if r.number == at).add(number, result)

    def complete(self, version: int) -> bool:
        """Whether all is known that is to be entered of a version."""
        return version not in self._scorings or self._scorings[version].complete

    def enter(self, version: int) -> tuple[dict[str, float], str | None]:
        """Enter a version's figures: the outcome's, and why the run stops; nothing if not due."""
        scoring = self._scorings.pop(version, None)
        if scoring is None:
            return {}, None
        metrics = scoring.metrics()
        self._journal.rows("evaluations", metrics.rows(version, scoring.name))
        self.recall_at_3 = metrics.overall.recall_at_3
        self.stopping, stop = self._stop_rules.judge(self.stopping, self.recall_at_3)
        figures = {"recall_at_1": metrics.overall.recall_at_1, "recall_at_3": self.recall_at_3}
        return figures, stop

    def enter_reports(self, settled: int) -> bool:
        """Enter what phones reported right after a settled version; whether that is all of it."""
        while self._reports and self._reports[0].after == settled and self._reports[0].complete:
            self._journal.rows("evaluations", self._reports.popleft().rows())
        return not (self._reports and self._reports[0].after == settled)

    def last(self, version: int) -> None:
        """Have the last version judged, where it was not due."""
        if version % self._every:
            self._scorings[version] = self._validated(version)

    def begin(self, scoring: Scoring) -> None:
        """Take a judgement that stands outside the course of versions, one at a time."""
        self._scorings[_ASIDE] = scoring

    def end(self) -> Metrics:
        """The figures of the judgement that was begun, once its scoring is complete."""
        return self._scorings.pop(_ASIDE).metrics()

    def _validated(self, version: int) -> Scoring:
        """The judgement of the validation set at a version."""
        return Scoring.at(self.average.judged(version), self._validation)
