"""What server Adagrad, Adam and Yogi share: a step divided by the root of a second moment.

Reddi et al., Adaptive federated optimization (ICLR 2021, arXiv 2003.00295), algorithm 2, where the
three differ in how the second moment grows and in nothing else. As in the paper: no bias
correction, and the adaptivity `tau` is added outside the root. The second moment starts at tau
squared, the paper's floor for it (v >= tau^2), so that an untouched parameter is not moved by its
first small update as if by a large one.
"""

from collections.abc import Callable

import numpy as np

from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer, State, check_share
from gboard_sim.seam.records import Floats, Vector

BLOCK = 16384
"""Parameters moved at a time, so that what lies between stays in a core's second-level cache
(assumed: 128 KiB an array in float64). Never changes a bit."""

Grow = Callable[[Floats, Floats], Floats]
"""The next second moment, from the one before and the square of the mean update. Shapes [P]."""


def adaptive(name: str, grow: Grow, *, beta_1: float, tau: float) -> ServerOptimizer:
    """Step: m <- b1 m + (1 - b1) u; v <- grow(v, u^2); w <- w + rate * m / (sqrt(v) + tau).

    Args:
        name: The optimiser's name in experiment files.
        grow: What tells it from the other two.
        beta_1: Decay of the first moment.
        tau: Degree of adaptivity: the smaller, the more alike every parameter's steps.

    Raises:
        ValueError: A setting is outside its range.
    """
    check_share(beta_1=beta_1)
    if not 1e-100 <= tau <= 1e100:  # its square has to be a float
        raise ValueError(f"tau(={tau}) must be between 1e-100 and 1e100")

    def init(parameters: Vector) -> State:
        return {
            "first": np.zeros_like(parameters, np.float64),
            "second": np.full_like(parameters, tau * tau, np.float64),
        }

    def apply(
        state: State,
        parameters: Vector,
        mean_update: Floats,
        learning_rate: float,
    ) -> tuple[State, Vector]:
        first, second = np.empty_like(state["first"]), np.empty_like(state["second"])
        moved = np.empty_like(parameters)
        for start in range(0, len(parameters), BLOCK):
            part = slice(start, start + BLOCK)
            update = mean_update[part]
            first[part] = beta_1 * state["first"][part] + (1.0 - beta_1) * update
            second[part] = grow(state["second"][part], update**2)
            step = learning_rate * first[part] / (np.sqrt(second[part]) + tau)
            moved[part] = parameters[part] + step
        return {"first": first, "second": second}, moved

    return ServerOptimizer(name, init, apply)
