"""A server optimiser: a frozen pair of pure functions over the flat parameter vector.

The mean update is minus a pseudo-gradient (Reddi et al., Adaptive federated optimization, ICLR
2021, algorithm 1), so `apply` adds where an SGD optimiser subtracts. A learning-rate schedule
belongs to the caller, who hands over the rate of each step.
"""

from dataclasses import dataclass
from typing import Protocol

from gboard_sim.seam.records import Floats, Vector

State = dict[str, Floats]
"""What an optimiser remembers: named vectors of shape [P], in float64, as checkpoints keep them."""


class Init(Protocol):
    """The state before the first step."""

    def __call__(self, parameters: Vector) -> State:
        """From the version 0 parameters. Shape [P]."""
        ...


class Apply(Protocol):
    """One server step."""

    def __call__(
        self,
        state: State,
        parameters: Vector,
        mean_update: Floats,
        learning_rate: float,
    ) -> tuple[State, Vector]:
        """The next state and parameters; neither argument is changed.

        Args:
            state: What the step before left.
            parameters: Those before the step. Shape [P].
            mean_update: The cohort's weighted mean update. Shape [P].
            learning_rate: The server's step size for this step.
        """
        ...


@dataclass(frozen=True, slots=True)
class ServerOptimizer:
    """One server optimiser.

    Attributes:
        name: Its name in experiment files.
        init: Makes the state of version 0.
        apply: Makes the next version.
    """

    name: str
    init: Init
    apply: Apply


def check_share(**settings: float) -> None:
    """Refuses settings that are no decay of a moment.

    Raises:
        ValueError: Names the first that is not at least 0 and below 1.
    """
    for name, value in settings.items():
        if not 0.0 <= value < 1.0:
            raise ValueError(f"{name}(={value}) must be at least 0 and below 1")
