"""Phones that learn alone: the same training as in a federated run, and nobody's updates averaged.

The fleet runs as ever; what each phone trained for the versions is kept as a list of stints. At the
end every phone that is judged trains its stints one after the other from version 0 and is judged on
its own later text.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gboard_sim.learning.evaluation.evaluation import EvaluationSet, Metrics, Scoring
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.learner_state import LearnerState, Totals
from gboard_sim.learning.local_training import diverged
from gboard_sim.learning.pool import Pool
from gboard_sim.learning.text.batches import stint_batches, stint_tokens
from gboard_sim.learning.text.store import TextStore
from gboard_sim.learning.workshop import Workshop
from gboard_sim.seam.protocols import Downlink
from gboard_sim.seam.records import Answer, Attempt, Cohort, Ints, Measure, Outcome, Stint
from gboard_sim.seam.typing_record import Typing

PHONES = 16
"""Phones that one job trains and judges (assumed; never changes a result)."""


@dataclass(frozen=True, slots=True)
class TrainAlone:
    """Train some phones, each alone from version 0, and judge each on its own later text.

    Attributes:
        stints: What each phone trained, in its order.
        rows: The rows of later text that each is judged on.
    """

    stints: Sequence[Sequence[Stint]]
    rows: Sequence[Ints]

    def versions(self) -> frozenset[int]:
        """Version 0."""
        return frozenset((0,))

    def work(self, workshop: Workshop) -> Scored:
        """What each phone's own model said, phone by phone."""
        fleet, later = workshop.rows("fleet").token_store(), workshop.rows("later")
        parts = []
        for stints, rows in zip(self.stints, self.rows, strict=True):
            parameters = workshop.snapshots.read(0)
            for stint in stints:
                batches = stint_batches(fleet, stint, workshop.seed, workshop.spec.lane)
                batches = workshop.unit_dropout.on(batches, stint.phone, stint.nth)
                trained = workshop.trainer.train(parameters, batches, stint.local.learning_rate)
                parameters = trained.parameters
            if not np.isfinite(parameters).all():
                raise diverged(stints[-1], f"of phone {stints[-1].phone} alone")
            parts.append(workshop.scorer.score(later, rows, parameters))
        return Scored.joined(parts)


class LocalOnlyLearner:
    """Notes who trained what; makes versions in name only. See `Learner`.

    Args:
        typing: Who typed how much, when.
        model_bytes: Bytes to download a whole model.
        text: What phones train on, and their later text, on which their models are judged.
        seed: The run's seed.
        pool: Where jobs run; version 0 is published.
        downlink: What phones download; None for the whole model as it is.

    Attributes:
        recall_at_3: None: there is no model of the server's to judge.
        waited_s: 0: the fleet never waits.
    """

    recall_at_3: float | None = None
    waited_s = 0.0

    def __init__(
        self,
        typing: Typing,
        model_bytes: int,
        text: TextStore,
        seed: int,
        pool: Pool,
        downlink: Downlink | None = None,
    ) -> None:
        self.answers: frozenset[Answer] = frozenset()
        self._typing = typing
        self._model_bytes = model_bytes
        self._fleet = text.fleet.token_store()
        self._later = text.later
        self._seed = seed
        self._pool = pool
        self._downlink = downlink
        self._stints: defaultdict[int, list[Stint]] = defaultdict(list)
        self._sessions = 0

    def typing(self) -> Typing:
        """Who typed how much, when."""
        return self._typing

    def download_bytes(self, held: Ints, wanted: int) -> Ints:
        """As in a federated run, so that the fleet lives through the same. Shape [n]."""
        if self._downlink is not None:
            return self._downlink.download_bytes(held, wanted)
        return np.where(held == wanted, 0, self._model_bytes)

    def expect(self, attempts: Sequence[Attempt]) -> None:
        """Nothing is trained before the end."""

    def measure(self, attempt: Attempt) -> Measure:
        """Nothing depends on weights."""
        del attempt
        return Measure()

    def step(self, cohort: Cohort) -> None:
        """Note what each phone trained."""
        self._sessions += len(cohort.uploads)
        for upload in cohort.uploads:
            self._stints[upload.phone].extend(upload.stints)

    def outcome(self, version: int) -> Outcome:
        """Nothing to tell."""
        return Outcome(version)

    @property
    def state(self) -> LearnerState:
        """Version 0 of the server's model, and what the phones trained, all together."""
        trained = (stint for stints in self._stints.values() for stint in stints)
        tokens = sum(stint_tokens(self._fleet, stint, self._seed) for stint in trained)
        return LearnerState(0, 0, {}, Totals(self._sessions, 0, tokens, tokens))

    @property
    def last(self) -> int:
        """The number of the snapshot that is exported: the model from which every phone starts."""
        return 0

    def finish(self) -> LearnerState:
        """Nothing is under way."""
        return self.state

    def scoring(self, evaluation_set: EvaluationSet) -> Scoring | None:
        """The judgement of every phone's own model on its own later text; None for other text."""
        if evaluation_set.name != "later":
            return None
        owner = self._later.owner()[evaluation_set.rows]
        return Scoring(evaluation_set, list(self._jobs(evaluation_set.rows, owner)))

    def score(self, scoring: Scoring) -> Metrics:
        """Carry a judgement out; waits."""
        while not scoring.complete:
            while self._pool.idle() and scoring.pending:
                number, job = scoring.start()
                self._pool.start(("alone", 0, number), job)
            for (_, _, number), result in self._pool.finished(waiting=True):
                assert isinstance(result, Scored)
                scoring.add(number, result)
        return scoring.metrics()

    def _jobs(self, rows: Ints, owner: Ints) -> Iterator[TrainAlone]:
        """The phones of some rows, a few at a time; rows come phone by phone."""
        phones, first = np.unique(owner, return_index=True)
        of_phone = np.split(rows, first[1:])
        for start in range(0, len(phones), PHONES):
            part = slice(start, start + PHONES)
            stints = [sorted(self._stints[p], key=lambda s: s.nth) for p in phones[part].tolist()]
            yield TrainAlone(stints, of_phone[part])
