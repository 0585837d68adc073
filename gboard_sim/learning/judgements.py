"""Judgements of versions that are under way: on a set of text, or by phones on their own."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from gboard_sim.learning.evaluation.evaluation import Scoring
from gboard_sim.learning.evaluation.held_out import Reporting
from gboard_sim.learning.evaluation.tally import Tally
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.jobs import Job, Result
from gboard_sim.learning.pool import Key


class Judgements:
    """What is being judged; see `Scoring` and `Reporting`.

    Attributes:
        scorings: On sets, by version; -1 is a judgement outside the course of versions.
        reports: By phones, in the order in which they were handed over.
    """

    def __init__(self) -> None:
        self.scorings: dict[int, Scoring] = {}
        self.reports: deque[Reporting] = deque()

    def start(self, published: int) -> tuple[Key, Job] | None:
        """The next part to be scored, of a version that exists; None where there is none."""
        for at, scoring in self.scorings.items():
            if scoring.pending:
                number, job = scoring.start()
                return ("score", at, number), job
        for reporting in self.reports:
            if reporting.pending and reporting.version <= published:
                number, tallying = reporting.start()
                return ("report", reporting.number, number), tallying
        return None

    def add(self, at: int, number: int, result: Result) -> None:
        """Take a part that was scored, or some phones' reports."""
        match result:
            case Scored():
                self.scorings[at].add(number, result)
            case Tally():
                next(r for r in self.reports if r.number == at).add(number, result)

    def reported_by(self, settled: int) -> Iterator[list[dict[str, Any]]]:
        """The rows of complete reports that were handed over right after a version, in order."""
        while self.reports and self.reports[0].after == settled and self.reports[0].complete:
            yield self.reports.popleft().rows()

    def awaits_reports(self, settled: int) -> bool:
        """Whether reports that were handed over right after a version are still to come."""
        return bool(self.reports) and self.reports[0].after == settled
