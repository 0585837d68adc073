"""Training in one place on pooled text: what federated learning is measured against.

Batches are drawn from one endless stream: pass after pass over the pooled messages, each pass
shuffled anew. A stretch of the stream is named by token counts, so a stretch that is trained again
after a crash is the same. The gradient is that of the phones' own graph, one step of SGD at rate 1,
so the arm `central` trains the parts that phones train.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from gboard_sim.errors import ExperimentError
from gboard_sim.learning.closing import Step
from gboard_sim.learning.jobs import Job, Result, Stretched
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.server_optimizers import OPTIMIZERS
from gboard_sim.learning.server_optimizers.optimizer import State
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.text.batches import TokenStore
from gboard_sim.learning.text.packing import Batch
from gboard_sim.learning.text.store import TextRows
from gboard_sim.learning.workshop import Workshop
from gboard_sim.seam.records import Cohort, Vector
from gboard_sim.seeds import uniforms

POOLED = -1
"""In the place of a phone, for shuffling pooled text: no phone has this number."""


@dataclass(frozen=True, slots=True)
class CentralPlan:
    """Whose text is pooled, and how it is trained on.

    Attributes:
        rows: `fleet`, what phones may train on, or `public`.
        share: Share of the owners, the first ones, whose text is pooled: their order is that of
            their hashes, so the first are as good as any.
        batch_size: Messages in a step.
        optimizer: A name from the server optimisers, which takes minus the gradient as an update.
        options: The optimiser's own numbers.
        rate_key: The key of the experiment that sets the learning rate, for messages.
        whole: Whether all parts of the model are trained, or those that phones train.
    """

    rows: Literal["fleet", "public"]
    share: float
    batch_size: int
    optimizer: str
    options: Mapping[str, float] = field(default_factory=dict)
    rate_key: str = "central.learning_rate"
    whole: bool = False

    def pooled(self, rows: TextRows) -> TokenStore:
        """The pooled messages."""
        owners = max(1, round(self.share * rows.owners))
        last = rows.first[owners]
        return TokenStore(rows.tokens[: rows.offsets[last]], rows.offsets[: last + 1])


def stream_batches(
    store: TokenStore, tokens: tuple[int, int], *, batch_size: int, seed: int, lane: int
) -> Iterator[Batch]:
    """The batches of the stream that begin at or after one token and before another.

    Args:
        store: The pooled messages.
        tokens: Where the stretch begins and ends, in tokens since the stream's start.
        batch_size: Messages in a batch.
        seed: The run's seed: keys the shuffling.
        lane: Tokens T in a lane.
    """
    lengths = np.diff(store.first)
    spoken = np.flatnonzero(lengths)
    total = int(lengths.sum())
    for epoch in range(tokens[0] // total, -(-tokens[1] // total)):
        keys = uniforms(seed, "shuffle", POOLED, 0, epoch, spoken)
        order = spoken[np.argsort(keys, kind="stable")]
        begins = epoch * total + np.cumsum(lengths[order]) - lengths[order]
        for start in range(0, len(order), batch_size):
            if tokens[0] <= begins[start] < tokens[1]:
                yield store.pack(order[start : start + batch_size], lane)


@dataclass(frozen=True, slots=True)
class TrainStretch:
    """Train on a stretch of the stream.

    Attributes:
        plan: Whose text, and how.
        tokens: The stretch; see `stream_batches`.
        learning_rate: The optimiser's step size.
        parameters: Where to start. Shape [P].
        optimizer: The optimiser's state there.
    """

    plan: CentralPlan
    tokens: tuple[int, int]
    learning_rate: float
    parameters: Vector
    optimizer: State

    def versions(self) -> frozenset[int]:
        """None: it brings its parameters."""
        return frozenset()

    def work(self, workshop: Workshop) -> Stretched:
        """The parameters and the optimiser's state after the stretch."""
        plan = self.plan
        trainer = workshop.whole_trainer if plan.whole else workshop.trainer
        wire = workshop.whole_wire if plan.whole else workshop.wire
        optimizer = wire.through(OPTIMIZERS[plan.optimizer](**plan.options))
        parameters, state = self.parameters, self.optimizer
        nats, tokens = 0.0, 0
        stream = stream_batches(
            plan.pooled(workshop.rows(plan.rows)),
            self.tokens,
            batch_size=plan.batch_size,
            seed=workshop.seed,
            lane=workshop.spec.lane,
        )
        for batch in workshop.unit_dropout.on(stream, POOLED, self.tokens[0]):
            trained = trainer.train(parameters, [batch], 1.0)
            downhill = wire.shrink(np.subtract(trained.parameters, parameters, dtype=np.float64))
            state, parameters = optimizer.apply(state, parameters, downhill, self.learning_rate)
            nats += trained.loss * trained.tokens
            tokens += trained.tokens
        if not np.isfinite(parameters).all():
            raise ExperimentError(
                f"{plan.rate_key} = {self.learning_rate:g} is too high: training on pooled text "
                "diverged to values that are not finite; lower it"
            )
        return Stretched(parameters, state, nats / max(tokens, 1), tokens)


class CentralClosing:
    """A cohort in whose place as many tokens of pooled text are trained on; see `Closing`.

    No session's training is carried out.

    Args:
        cohort: The cohort: it says which version is made.
        plan: Whose text, and how.
        budget_tokens: Tokens that its phones would have trained on.
        learning_rate: The optimiser's step size.
        snapshots: Where the version before is read.
    """

    sessions = 0
    utility = None

    def __init__(
        self,
        cohort: Cohort,
        plan: CentralPlan,
        budget_tokens: int,
        learning_rate: float,
        snapshots: Snapshots,
    ) -> None:
        self.cohort = cohort
        self.budget_tokens = budget_tokens
        self.tokens = 0
        self._plan = plan
        self._learning_rate = learning_rate
        self._snapshots = snapshots
        self.loss = 0.0
        self._started = False
        self._result: Stretched | None = None

    def ready(self, published: int) -> bool:
        """Whether the version before exists."""
        return not self._started and published == self.cohort.makes_version - 1

    def start(self, before: LearnerState) -> tuple[int, Job]:
        """The stretch that follows what was trained on before."""
        self._started = True
        began = before.totals.budget_tokens
        # A plain array: a `memmap` would not be pickled aside (see `ArrayPipe`).
        parameters = self._snapshots.read(before.version).view(np.ndarray)
        stretch = (began, began + self.budget_tokens)
        job = TrainStretch(self._plan, stretch, self._learning_rate, parameters, before.optimizer)
        return 0, job

    def add(self, number: int, result: Result) -> None:
        """Take the trained stretch."""
        assert isinstance(result, Stretched)
        self._result = result
        self.tokens, self.loss = result.tokens, result.loss

    @property
    def complete(self) -> bool:
        """Whether the stretch was trained."""
        return self._result is not None

    def make(self, before: LearnerState, parameters: Vector) -> Step:
        """What the stretch came to, and how far it moved."""
        assert self._result is not None
        made, self._result = self._result, None
        moved = float(np.linalg.norm(made.parameters - parameters))
        return Step(made.optimizer, made.parameters, moved)
