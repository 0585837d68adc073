"""Server Adam (FedAdam: Reddi et al., Adaptive federated optimization, ICLR 2021, algorithm 2).

As in the paper: no bias correction, and the adaptivity `tau` is added outside the root. The second
moment starts at tau squared, the paper's floor for it (v >= tau^2), so that an untouched parameter
is not moved by its first small update as if by a large one.
"""

import numpy as np

from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer, State
from gboard_sim.records import Floats, Vector


def adam(beta_1: float = 0.9, beta_2: float = 0.99, tau: float = 1e-3) -> ServerOptimizer:
    """Step: m <- b1 m + (1 - b1) u; v <- b2 v + (1 - b2) u^2; w <- w + rate * m / (sqrt(v) + tau).

    Args:
        beta_1: Decay of the first moment; the paper's 0.9.
        beta_2: Decay of the second moment; the paper's 0.99.
        tau: Degree of adaptivity; the paper's 1e-3.
    """

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
        first = beta_1 * state["first"] + (1.0 - beta_1) * mean_update
        second = beta_2 * state["second"] + (1.0 - beta_2) * mean_update**2
        moved = parameters + learning_rate * first / (np.sqrt(second) + tau)
        return {"first": first, "second": second}, moved.astype(np.float32)

    return ServerOptimizer("adam", init, apply)
