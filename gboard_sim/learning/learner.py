"""The learning half behind the seam: cohorts go in, versions come out.

Uploads are trained only once a cohort uses them (lazy training), as soon as the version that they
started from exists: ahead of time where uploads are stale. Work is handed to the pool whenever
the fleet calls; nothing here depends on how soon a worker answers, so neither do the results.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from gboard_sim.errors import InvariantError
from gboard_sim.learning.closing import Closing
from gboard_sim.learning.evaluation.evaluation import EvaluationSet, Metrics, Scoring
from gboard_sim.learning.jobs import Result, Stretched
from gboard_sim.learning.judgements import Judgements
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.measured import MeasuredUpdates
from gboard_sim.learning.measuring import Measuring
from gboard_sim.learning.pool import Pool
from gboard_sim.learning.residuals import Residuals
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.version_maker import Made, VersionMaker
from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.privacy_protocols import Mechanism
from gboard_sim.seam.protocols import Adaptive, Downlink, Triggered
from gboard_sim.seam.records import Answer, Attempt, Cohort, Ints, Measure, Outcome
from gboard_sim.seam.typing_record import Typing


class FederatedLearner:
    """Has a pool of workers train what each cohort asks for, and makes a version of it.

    Args:
        typing: Who typed how much, when.
        model_bytes: Bytes to download a whole model.
        codec_is_measured: Whether the fleet must ask for the size of every payload.
        pool: Where jobs run.
        snapshots: Parameters by version; those of the state's version are there already.
        close: What makes a version of a cohort.
        mechanism: What runs on the phones; its events are entered in the outcomes.
        judgements: What versions are judged on while the run lasts, and what follows.
        journal: Where outcomes and versions are appended, in order of versions.
        checkpoint_every: Versions between checkpoints; 0 for none.
        checkpoint: Called with the state of every version that is due, once it is settled.
        state: Where to start.
        tells_utility: Whether outcomes say what a utility selector scores phones by.
        adaptive: The schedule, where local work depends on the loss.
        triggered: The schedule, where phones look at their update before they send it.
        measured: Where workers keep updates that were trained to be measured, and how many at
            most; None where they keep none.
        residuals: What phones keep for error feedback; None without it.
        enter: Told of every privacy event before the version that it is part of is published.
        downlink: What phones download; None for the whole model as it is.

    Attributes:
        answers: `stop` where a stop rule looks at recall, `bytes` where the codec is measured,
            `utility` where it is told, `local` where the schedule is adaptive,
            `send` where it is triggered.
        waited_s: Wall seconds spent in here, waiting for workers or adding up.
    """

    def __init__(
        self,
        *,
        typing: Typing,
        model_bytes: int,
        codec_is_measured: bool,
        pool: Pool,
        snapshots: Snapshots,
        close: Callable[[Cohort], Closing],
        mechanism: Mechanism,
        judgements: Judgements,
        journal: Journal,
        checkpoint_every: int,
        checkpoint: Callable[[LearnerState], None],
        state: LearnerState,
        tells_utility: bool = False,
        adaptive: Adaptive | None = None,
        triggered: Triggered | None = None,
        measured: tuple[MeasuredUpdates, int] | None = None,
        residuals: Residuals | None = None,
        enter: Callable[[PrivacyEvent], None] = lambda _event: None,
        downlink: Downlink | None = None,
    ) -> None:
        answers: set[Answer] = set()
        if triggered is not None:
            answers.add("send")
        if adaptive is not None:
            answers.add("local")
        if tells_utility:
            answers.add("utility")
        if judgements.stops:
            answers.add("stop")
        if codec_is_measured:
            answers.add("bytes")
        self.answers = frozenset(answers)
        self._typing = typing
        self._model_bytes = model_bytes
        self._pool = pool
        self._close = close
        self._judgements = judgements
        self._journal = journal
        self._checkpoint_every = checkpoint_every
        self._checkpoint = checkpoint
        self._residuals = residuals
        self._downlink = downlink
        updates, most = measured or (None, 0)
        compares = triggered is not None and triggered.looks_at == "sign_agreement"
        self._measuring = Measuring(compares=compares, updates=updates, most=most)
        self._maker = VersionMaker(
            answers=self.answers,
            snapshots=snapshots,
            average=judgements.average,
            mechanism=mechanism,
            adaptive=adaptive,
            residuals=residuals,
            enter=enter,
            downlink=downlink,
        )
        self._state = state
        self._settled = state.version
        self._closings: deque[Closing] = deque()
        self._made: dict[int, Made] = {}
        self._outcomes: dict[int, Outcome] = {}
        self.waited_s = 0.0
        if state.version == 0:
            self._settled = -1
            self._made[0] = Made(Outcome(0), state)
            judgements.average.begin(snapshots.read(0))
            judgements.made(0)

    @property
    def recall_at_3(self) -> float | None:
        """Of the newest judgement on validation text; None before the first."""
        return self._judgements.recall_at_3

    @property
    def state(self) -> LearnerState:
        """The newest version that was made, and what it took."""
        return self._state

    def typing(self) -> Typing:
        """Who typed how much, when."""
        return self._typing

    def download_bytes(self, held: Ints, wanted: int) -> Ints:
        """A phone that does not hold the wanted version downloads the whole model. Shape [n].

        Or the way to it from the version that it holds, where the downlink has one.
        """
        if self._downlink is not None:
            return self._downlink.download_bytes(held, wanted)
        return np.where(held == wanted, 0, self._model_bytes)

    def expect(self, attempts: Sequence[Attempt]) -> None:
        """Take note of what `measure` will be asked for, each of them once."""
        if self.answers & {"bytes", "send"}:
            self._measuring.expect(attempts)

    def measure(self, attempt: Attempt) -> Measure:
        """Train the attempt and measure what it would send; waits.

        What else is expected is measured with it, as far as there are workers. Every version that
        was asked for is settled first, so that answers are journaled in one order.
        """
        while self._closings or self._settled < self._published:
            self._pump(waiting=True)
        self._measuring.expect([attempt])
        while (measure := self._measuring.take(attempt.session)) is None:
            self._measuring.start(self._pool)
            self._pump(waiting=True, dispatch=False)
        self._journal.measure(attempt.session, measure)
        return measure

    def step(self, cohort: Cohort) -> None:
        """Take a closed cohort; its version is made, or judged, in the background."""
        newest = self._closings[-1].cohort.makes_version if self._closings else self._published
        if cohort.task == "evaluate":
            self._judgements.hand_over(cohort, newest)
        elif cohort.makes_version != newest + 1:
            raise InvariantError(f"version {cohort.makes_version} does not follow {newest}")
        else:
            self._judgements.used(cohort)
            self._closings.append(self._close(cohort))
        self._pump(waiting=False)

    def outcome(self, version: int) -> Outcome:
        """What came of the step that made `version`; waits for it."""
        while version > self._settled:
            self._pump(waiting=True)
        return self._outcomes[version]

    def finish(self) -> LearnerState:
        """Make and settle every version that was asked for, and judge the last one."""
        while self._closings:
            self._pump(waiting=True)
        last = self._published
        while self._settled < last or self._judgements.awaited:
            self._pump(waiting=True)
        self._judgements.last(last)
        while not self._judgements.complete(last):
            self._pump(waiting=True)
        self._judgements.enter(last)
        return self._state

    @property
    def last(self) -> int:
        """The number of the snapshot that is what the run came to."""
        return self._judgements.average.judged(self._published)

    def scoring(self, evaluation_set: EvaluationSet) -> Scoring:
        """The judgement of a set at the newest version."""
        return Scoring.at(self.last, evaluation_set)

    def score(self, scoring: Scoring) -> Metrics:
        """Score a set of messages; waits. The learner must have finished."""
        self._judgements.begin(scoring)
        while not scoring.complete:
            self._pump(waiting=True)
        return self._judgements.end()

    @property
    def _published(self) -> int:
        return self._state.version

    def _pump(self, *, waiting: bool, dispatch: bool = True) -> None:
        """Start what can start, take in what is done, and settle what can be settled."""
        began = perf_counter()
        if dispatch:
            self._dispatch()
        for (kind, at, number), result in self._pool.finished(waiting=waiting):
            self._accept(kind, at, number, result)
        while self._closings and self._closings[0].complete:
            self._make(self._closings.popleft())
        self._settle()
        if dispatch:
            self._dispatch()
        self.waited_s += perf_counter() - began

    def _dispatch(self) -> None:
        """Give every idle worker a job: the next version first, then scoring, then later ones."""
        while self._pool.idle():
            if self._closings and self._closings[0].ready(self._published):
                closing = self._closings[0]
            elif judging := self._judgements.start(self._published):
                self._pool.start(*judging)
                continue
            elif found := next((c for c in self._closings if c.ready(self._published)), None):
                closing = found
            else:
                return
            number, training = closing.start(self._state)
            self._pool.start(("train", closing.cohort.makes_version, number), training)

    def _accept(self, kind: str, at: int, number: int, result: Result) -> None:
        """Take in what a worker answered."""
        match kind, result:
            case "train", tuple() | Stretched():
                waiting = next(c for c in self._closings if c.cohort.makes_version == at)
                waiting.add(number, result)
            case "measure", Measure():
                self._measuring.add(at, result)
            case _:
                self._judgements.add(at, number, result)

    def _make(self, closing: Closing) -> None:
        """Apply a complete cohort's mean update: the next version."""
        made = self._maker.make(closing, self._state)
        self._measuring.settle(closing.cohort)
        self._state = made.state
        version = made.state.version
        self._made[version] = made
        self._judgements.made(version)

    def _settle(self) -> None:
        """Enter every version whose figures are all there, in order, and save what is due.

        What phones reported is entered between the versions between which it was handed over.
        """
        judged = self._judgements
        while judged.enter_reports(self._settled) and (version := self._settled + 1) in self._made:
            if not judged.complete(version):
                return
            made = self._made.pop(version)
            figures, stop = judged.enter(version)
            outcome = replace(made.outcome, metrics={**made.outcome.metrics, **figures}, stop=stop)
            if made.closing is not None:
                self._journal.version(
                    made.closing.cohort,
                    tokens=made.closing.tokens,
                    loss=made.closing.loss,
                    update_norm=made.norm,
                )
                self._journal.outcome(outcome)
            self._outcomes[version] = outcome
            self._settled = version
            if version and self._checkpoint_every and version % self._checkpoint_every == 0:
                self._checkpoint(replace(made.state, stopping=judged.stopping))
            if self._residuals is not None:
                self._residuals.settled(version)
