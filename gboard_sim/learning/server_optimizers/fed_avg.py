"""Federated averaging (McMahan et al., AISTATS 2017): the server adds the mean update.

A learning rate of 1 is the paper's algorithm: the new parameters are the phones' mean parameters.
"""

import numpy as np

from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer, State
from gboard_sim.seam.records import Floats, Vector


def fed_avg() -> ServerOptimizer:
    """Step: w <- w + rate * update."""

    def init(parameters: Vector) -> State:
        del parameters
        return {}

    def apply(
        state: State,
        parameters: Vector,
        mean_update: Floats,
        learning_rate: float,
    ) -> tuple[State, Vector]:
        return state, (parameters + learning_rate * mean_update).astype(np.float32)

    return ServerOptimizer("fed_avg", init, apply)
