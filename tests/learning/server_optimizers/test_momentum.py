import numpy as np
import pytest
import torch

from gboard_sim.learning.server_optimizers import momentum, nesterov
from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer


def test_three_steps_by_hand() -> None:
    optimizer = momentum(beta=0.5)
    parameters = np.array([1.0], np.float32)
    state = optimizer.init(parameters)
    seen = []
    for update in (1.0, 2.0, -4.0):  # velocities 1, 2.5, -2.75
        state, parameters = optimizer.apply(state, parameters, np.array([update]), 0.5)
        seen.append(parameters.item())
    assert seen == [1.5, 2.75, 1.375]
    assert state["velocity"].tolist() == [-2.75]


@pytest.mark.parametrize(
    ("optimizer", "look_ahead"), [(momentum(0.9), False), (nesterov(0.9), True)]
)
def test_agrees_with_torch(optimizer: ServerOptimizer, look_ahead: bool) -> None:
    rng = np.random.default_rng(0)
    parameters = rng.standard_normal(20).astype(np.float32)
    theirs = torch.tensor(parameters, dtype=torch.float64, requires_grad=True)
    reference = torch.optim.SGD([theirs], lr=0.7, momentum=0.9, nesterov=look_ahead)
    state = optimizer.init(parameters)
    for _ in range(30):
        update = rng.standard_normal(20)
        theirs.grad = -torch.tensor(update)
        reference.step()
        state, parameters = optimizer.apply(state, parameters, update, 0.7)
    np.testing.assert_allclose(parameters, theirs.detach().numpy(), rtol=1e-5, atol=1e-5)
