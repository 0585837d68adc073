"""A cohort on its way to becoming a version: its updates summed in a fixed order, then one step."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import isnan, nan
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import ExperimentError
from gboard_sim.learning.hidden_payloads import HiddenPayloads
from gboard_sim.learning.jobs import ChunkSum, Job, Result, TrainChunks
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.residuals import Name, Residuals
from gboard_sim.learning.server_optimizers import ServerOptimizer
from gboard_sim.learning.server_optimizers.optimizer import State
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.privacy_protocols import MechanismState, ServerMechanism, Sharing, Summed
from gboard_sim.seam.records import Cohort, Vector

CHUNK = 5
"""Uploads summed first: fixed, because it decides the order of the additions. It divides the round
sizes that people use (20, 50, 100), so that two or four workers have as much to do."""

TAIL = 8
"""Jobs at a cohort's end of which the longest starts first, so that no worker waits long for
another's last (assumed: as many sums may wait for their turn)."""

MOST_EARLY = 32
"""Jobs whose sums wait for one before them (assumed: 360 MB of gboard-cifg; a cohort of 10,000
phones has 2,000, and one of them may be given to a second worker)."""


@dataclass(frozen=True, slots=True)
class Step:
    """A server step.

    Attributes:
        optimizer: The optimiser's next state.
        parameters: The next version. Shape [P].
        norm: L2 norm of the mean update.
        mechanism: The next state of the server's mechanism.
        event: What the ledger is told before the version is published; None where nothing ran.
    """

    optimizer: State
    parameters: Vector
    norm: float
    mechanism: MechanismState = field(default_factory=dict)
    event: PrivacyEvent | None = None


class Closing(Protocol):
    """How a cohort becomes a version: federated averaging, or what it is compared to.

    Attributes:
        cohort: The cohort.
        tokens: Tokens trained on in what was added so far.
    """

    cohort: Cohort
    tokens: int

    @property
    def budget_tokens(self) -> int:
        """Tokens that the cohort's phones train on, known once it is complete."""
        ...

    @property
    def sessions(self) -> int:
        """Sessions whose training is carried out."""
        ...

    @property
    def loss(self) -> float:
        """Mean training loss per token."""
        ...

    @property
    def utility(self) -> Mapping[int, float] | None:
        """What a utility selector scores the cohort's phones by; None where none was trained."""
        ...

    def ready(self, published: int) -> bool:
        """Whether there is a job to start, given the newest published version."""
        ...

    def start(self, before: LearnerState) -> tuple[int, Job]:
        """Take the next job to start, with its number.

        Args:
            before: The learner's newest state.
        """
        ...

    def add(self, number: int, result: Result) -> None:
        """Take the result of a job."""
        ...

    @property
    def complete(self) -> bool:
        """Whether every result is in."""
        ...

    def make(self, before: LearnerState, parameters: Vector) -> Step:
        """The next version, once.

        Args:
            before: The learner's state at the version before.
            parameters: Of the version before. Shape [P].
        """
        ...


class Averaging:
    """Federated averaging: the sum of a cohort's updates as its chunks come in.

    Chunks of `CHUNK` uploads in phone order are added in their order; one that comes early waits.
    Jobs start in order too, all but the last few, and none while `MOST_EARLY` wait for one that is
    slow, so memory is O(model).

    Args:
        cohort: The cohort.
        optimizer: The server optimiser that takes the mean of what travelled (`Wire.through`).
        learning_rate: The server's.
        chunks: Chunks that one job trains.
        residuals: What phones keep for error feedback; None without it.
        mechanism: What makes the sum private at the server; None where phones see to that.
        travelling: Numbers in an update, for a cohort of nobody, which sums to nothing.
        hidden: What takes the cohort's payloads where they are behind masks.
    """

    def __init__(
        self,
        cohort: Cohort,
        optimizer: ServerOptimizer,
        learning_rate: float,
        chunks: int = 1,
        residuals: Residuals | None = None,
        mechanism: ServerMechanism | None = None,
        travelling: int = 0,
        hidden: HiddenPayloads | None = None,
    ) -> None:
        self.cohort = cohort
        self.tokens = 0
        self._optimizer = optimizer
        self._learning_rate = learning_rate
        self._mechanism = mechanism
        self._travelling = travelling
        self._hidden = hidden
        self._within = 0
        self._refused: list[tuple[int, str]] = []
        self._loss = 0.0
        self._losses: list[float] = []
        self._total: npt.NDArray[np.float64] | None = None
        self._at_once = chunks * CHUNK
        self._residuals = residuals
        self._waiting = list(enumerate(_jobs(cohort, self._at_once, residuals)))
        self._added = 0
        self._early: dict[int, tuple[ChunkSum, ...]] = {}

    def ready(self, published: int) -> bool:
        """Whether there is a job whose uploads' versions, and the residuals they take, exist."""
        return self._next(published) is not None

    def _next(self, published: int) -> int | None:
        """The place among the waiting jobs of the one to start; None where none can."""
        bound_follows = self._mechanism is not None and self._mechanism.adapts
        if bound_follows and published < self.cohort.makes_version - 1:
            return None
        if len(self._early) >= MOST_EARLY:
            return None
        tail = len(self._waiting) <= TAIL
        able = [
            (-sum(upload.tokens for upload in job.uploads), place)
            for place, (_, job) in enumerate(self._waiting if tail else self._waiting[:1])
            if all(upload.base <= published for upload in job.uploads)
            and (self._residuals is None or self._residuals.there(_taken(job)))
        ]
        return min(able)[1] if able else None

    def start(self, before: LearnerState) -> tuple[int, TrainChunks]:
        """Take the next job to start, with its number."""
        place = self._next(before.version)
        assert place is not None
        number, job = self._waiting.pop(place)
        if self._mechanism is not None:
            job = replace(job, bound=self._mechanism.bound(before.mechanism))
        if self._residuals is not None:
            taken = {name: self._residuals.read(name) for name in _taken(job)}
            job = replace(job, residuals=taken)
        if isinstance(self._mechanism, Sharing):
            version = self.cohort.makes_version
            job = replace(job, sharing=self._mechanism, makes_version=version)
        if self._hidden is not None:
            first = number * self._at_once
            job = replace(job, maskers=self._hidden.phones(first, len(job.uploads)))
        return number, job

    def add(self, number: int, result: Result) -> None:
        """Take the sums of a job's chunks, and add every one whose turn it is."""
        assert isinstance(result, tuple)
        for chunk in result:
            for name, residual in chunk.residuals.items():
                assert self._residuals is not None
                self._residuals.write(name, residual)
        self._early[number] = tuple(replace(chunk, residuals={}) for chunk in result)
        while self._added in self._early:
            for due in self._early.pop(self._added):
                if self._hidden is not None:
                    self._hidden.take(due.masked)
                elif self._total is None:
                    self._total = np.array(due.total)  # Ray's is for reading only
                else:
                    self._total += due.total
                self._loss += due.loss * due.tokens
                self.tokens += due.tokens
                self._losses += due.losses
                self._within += due.within
                self._refused += due.refused
            self._added += 1

    @property
    def complete(self) -> bool:
        """Whether every update is in the sum."""
        return self._added * self._at_once >= len(self.cohort.uploads)

    @property
    def budget_tokens(self) -> int:
        """Tokens that the cohort's phones trained on."""
        return self.tokens

    @property
    def sessions(self) -> int:
        """Every upload's."""
        return len(self.cohort.uploads)

    @property
    def loss(self) -> float:
        """Mean training loss per token; NaN where nobody trained."""
        return self._loss / max(self.tokens, 1) if self.cohort.uploads else nan

    @property
    def utility(self) -> Mapping[int, float]:
        """Oort's statistical utility (Lai et al., OSDI 2021, equation 2) of each phone.

        That is |B| sqrt(mean over B of loss^2) for the messages B in its cache. Here every message
        counts with the mean loss per token of the phone's last stint: a lower bound, since a root
        mean square is no less than a mean.
        """
        return {
            upload.phone: 0.0 if isnan(loss) else (last.rows[1] - last.rows[0]) * loss
            for upload, loss in zip(self.cohort.uploads, self._losses, strict=True)
            for last in upload.stints[-1:]
        }

    def take_mean(self) -> npt.NDArray[np.float64]:
        """The weighted mean of what travelled, once: its memory is the caller's. Shape [C]."""
        assert self._total is not None
        mean = self._total / sum(self.cohort.weights)
        self._total = None
        return mean

    def make(self, before: LearnerState, parameters: Vector) -> Step:
        """The server optimiser's step along the mean update.

        Raises:
            ExperimentError: It leads to values that are not finite.
        """
        released = None
        if self._hidden is not None:
            self._total, refused = self._hidden.unmasked()
            self._refused += refused
        if self._mechanism is None:
            mean = self.take_mean()
        else:
            released = self._mechanism.release(before.mechanism, self._take_summed())
            if self._hidden is not None:
                event = replace(released.event, unmasked=self._hidden.record)
                released = replace(released, event=event)
            mean = released.mean
        state, parameters = self._optimizer.apply(
            before.optimizer, parameters, mean, self._learning_rate
        )
        if not np.isfinite(parameters).all():
            raise ExperimentError(
                f"version {self.cohort.makes_version} has values that are not finite: "
                "server.learning_rate or server.options are out of range; lower them"
            )
        norm = float(np.linalg.norm(mean))
        if released is None:
            return Step(state, parameters, norm)
        return Step(state, parameters, norm, released.state, released.event)

    def _take_summed(self) -> Summed:
        """What the mechanism is given, once."""
        total = self._total if self.cohort.uploads else np.zeros(self._travelling)
        assert total is not None
        self._total = None
        return Summed(
            version=self.cohort.makes_version,
            total=total,
            uploads=len(self.cohort.uploads) - len(self._refused),
            within=self._within,
            refused=tuple(self._refused),
        )


def _jobs(cohort: Cohort, at_once: int, residuals: Residuals | None) -> Iterator[TrainChunks]:
    carries = () if residuals is None else residuals.follow(cohort)
    for first in range(0, len(cohort.uploads), at_once):
        part = slice(first, first + at_once)
        yield TrainChunks(cohort.uploads[part], cohort.weights[part], CHUNK, carries[part])


def _taken(job: TrainChunks) -> set[Name]:
    """The residuals that a job's uploads take and none of them leaves."""
    taken = {carry.takes for carry in job.carries if carry.takes is not None}
    return taken - {(upload.phone, upload.nth) for upload in job.uploads}
