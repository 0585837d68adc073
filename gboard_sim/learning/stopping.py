"""Stop rules that look at what was learned; those of time and cost belong to the fleet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StopState:
    """What the rules remember between validation evaluations.

    Attributes:
        best: Highest recall that counted as a gain; None before the first evaluation.
        without_gain: Evaluations since then.
    """

    best: float | None = None
    without_gain: int = 0


@dataclass(frozen=True, slots=True)
class StopRules:
    """When validation recall ends a run.

    Attributes:
        target: Recall at 3 that is enough; None never is.
        patience: Evaluations without a gain that are too many; None never are.
        min_gain: The gain that counts as one.
    """

    target: float | None = None
    patience: int | None = None
    min_gain: float = 0.0

    @property
    def any(self) -> bool:
        """Whether a rule is set, so that the fleet has to wait for evaluations."""
        return self.target is not None or self.patience is not None

    def judge(self, state: StopState, recall: float) -> tuple[StopState, str | None]:
        """The state after one more evaluation, and the reason to stop if there is one."""
        if state.best is None or recall > state.best + self.min_gain:
            state = StopState(recall, 0)
        else:
            state = StopState(state.best, state.without_gain + 1)
        if self.target is not None and recall >= self.target:
            return state, "target_recall"
        if self.patience is not None and state.without_gain >= self.patience:
            return state, "no_gain"
        return state, None
