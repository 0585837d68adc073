"""Server momentum (FedAvgM: Hsu, Qi and Brown 2019, arXiv 1909.06335)."""

import numpy as np

from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer, State, check_share
from gboard_sim.seam.records import Floats, Vector


def momentum(beta: float = 0.9) -> ServerOptimizer:
    """Step: v <- beta * v + update; w <- w + rate * v (the paper's 0.9, without dampening).

    Raises:
        ValueError: `beta` is outside its range.
    """
    check_share(beta=beta)

    def init(parameters: Vector) -> State:
        return {"velocity": np.zeros_like(parameters, np.float64)}

    def apply(
        state: State,
        parameters: Vector,
        mean_update: Floats,
        learning_rate: float,
    ) -> tuple[State, Vector]:
        velocity = beta * state["velocity"] + mean_update
        moved = parameters + learning_rate * velocity
        return {"velocity": velocity}, moved.astype(np.float32)

    return ServerOptimizer("momentum", init, apply)
