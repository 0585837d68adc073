"""Server momentum with Nesterov's look-ahead, as production Gboard used it.

Hard et al. 2018 (arXiv 1811.03604): momentum 0.9, server learning rate 1.0. The form is that of
Sutskever et al. (ICML 2013), written for the parameters that have already looked ahead, as in
TensorFlow and torch.
"""

import numpy as np

from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer, State, check_share
from gboard_sim.seam.records import Floats, Vector


def nesterov(beta: float = 0.9) -> ServerOptimizer:
    """Step: v <- beta * v + update; w <- w + rate * (update + beta * v).

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
        moved = parameters + learning_rate * (mean_update + beta * velocity)
        return {"velocity": velocity}, moved.astype(np.float32)

    return ServerOptimizer("nesterov", init, apply)
