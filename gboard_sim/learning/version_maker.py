"""Makes a version of a complete cohort: parameters, the learner's state, what the fleet is told."""

from collections.abc import Callable
from dataclasses import dataclass

from gboard_sim.learning.closing import Closing
from gboard_sim.learning.learner_state import LearnerState, Totals
from gboard_sim.learning.moving_average import MovingAverage
from gboard_sim.learning.residuals import Residuals
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.privacy_protocols import Mechanism
from gboard_sim.seam.protocols import Adaptive, Downlink, Memory
from gboard_sim.seam.records import Answer, Cohort, LocalWork, Outcome

_MARKS: dict[Answer, str] = {"bytes": "+", "send": "]"}
"""How far the shape of a session got that was trained for the sake of an answer."""


@dataclass(frozen=True, slots=True)
class Made:
    """A version that was made but not yet settled.

    Attributes:
        outcome: What the fleet will be told, without what evaluation adds.
        state: The learner's state then.
        closing: The cohort that made it; None for version 0.
        norm: L2 norm of the mean update.
    """

    outcome: Outcome
    state: LearnerState
    closing: Closing | None = None
    norm: float = 0.0


class VersionMaker:
    """Applies a cohort's mean update.

    Args:
        answers: Which answers to the fleet depend on weights.
        snapshots: Where the parameters of every version go.
        average: What follows them.
        mechanism: What runs on the phones, and has events of its own.
        adaptive: The schedule, where local work depends on the loss.
        residuals: What phones keep for error feedback; None without it.
        enter: Told of every privacy event before the version that it is part of is published.
        downlink: What phones download; None for the whole model as it is.
    """

    def __init__(
        self,
        *,
        answers: frozenset[Answer],
        snapshots: Snapshots,
        average: MovingAverage,
        mechanism: Mechanism,
        adaptive: Adaptive | None,
        residuals: Residuals | None,
        enter: Callable[[PrivacyEvent], None],
        downlink: Downlink | None,
    ) -> None:
        self._marks = tuple(mark for answer, mark in _MARKS.items() if answer in answers)
        self._tells_utility = "utility" in answers
        self._snapshots = snapshots
        self._average = average
        self._mechanism = mechanism
        self._adaptive = adaptive
        self._residuals = residuals
        self._enter = enter
        self._downlink = downlink

    def make(self, closing: Closing, before: LearnerState) -> Made:
        """Write the version's snapshot and say what it is."""
        cohort = closing.cohort
        version = cohort.makes_version
        published = self._snapshots.read(before.version)
        step = closing.make(before, published if before.master is None else before.master)
        event = step.event or self._mechanism.event(version, len(cohort.uploads))
        if event is not None:
            self._enter(event)
        parameters, master = step.parameters, None
        if self._downlink is not None:
            master = parameters
            parameters = self._downlink.publish(published, master, version)
        self._snapshots.write(version, parameters)
        self._average.follow(version, parameters)
        memory, local = self._adapted(before.memory, version, closing.loss)
        state = LearnerState(
            version=version,
            oldest_version=cohort.oldest_version,
            optimizer=step.optimizer,
            master=master,
            totals=self._totals(before.totals, closing),
            memory=memory,
            residuals=self._residuals.after(version) if self._residuals else None,
            mechanism=step.mechanism,
        )
        outcome = Outcome(
            version=version,
            local=local,
            metrics={"loss": closing.loss},
            utility=closing.utility if self._tells_utility else None,
            privacy=() if event is None else (event,),
        )
        return Made(outcome, state, closing, step.norm)

    def _adapted(
        self, memory: Memory, version: int, loss: float
    ) -> tuple[Memory, tuple[LocalWork, ...] | None]:
        """What an adaptive schedule remembers, and the local work that it wants next."""
        if self._adaptive is None:
            return memory, None
        return self._adaptive.adapt(memory, version, loss)

    def _totals(self, before: Totals, closing: Closing) -> Totals:
        """What was trained, that which was only measured included."""
        measured = self._measured_in_vain(closing.cohort)
        return Totals(
            sessions_trained=before.sessions_trained + closing.sessions + measured,
            sessions_trained_unused=before.sessions_trained_unused + measured,
            trained_tokens=before.trained_tokens + closing.tokens,
            budget_tokens=before.budget_tokens + closing.budget_tokens,
        )

    def _measured_in_vain(self, cohort: Cohort) -> int:
        """Attempts that were trained to be measured and that no version uses."""
        return sum(any(mark in lost.shape for mark in self._marks) for lost in cohort.dropouts)
