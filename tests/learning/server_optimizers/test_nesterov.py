import numpy as np

from gboard_sim.learning.server_optimizers import nesterov


def test_three_steps_by_hand() -> None:
    optimizer = nesterov(beta=0.5)
    parameters = np.array([1.0], np.float32)
    state = optimizer.init(parameters)
    seen = []
    for update in (1.0, 2.0, -4.0):  # velocities 1, 2.5, -2.75; steps 1.5, 3.25, -5.375
        state, parameters = optimizer.apply(state, parameters, np.array([update]), 1.0)
        seen.append(parameters.item())
    assert seen == [2.5, 5.75, 0.375]
    assert state["velocity"].tolist() == [-2.75]
