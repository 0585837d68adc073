import numpy as np
import pytest
import torch

from gboard_sim.learning.server_optimizers import adagrad


def test_two_steps_by_hand() -> None:
    optimizer = adagrad(beta_1=0.5, tau=0.5)
    parameters = np.array([0.0], np.float32)
    state = optimizer.init(parameters)
    state, parameters = optimizer.apply(state, parameters, np.array([2.0]), 1.0)
    # m = 1, v = 0.25 + 4
    assert parameters.item() == pytest.approx(1.0 / (4.25**0.5 + 0.5), rel=1e-6)
    before = float(parameters[0])
    state, parameters = optimizer.apply(state, parameters, np.array([3.0]), 0.1)
    # m = 0.5 + 1.5, v = 4.25 + 9
    assert parameters.item() == pytest.approx(before + 0.2 / (13.25**0.5 + 0.5), rel=1e-6)
    assert state["first"].tolist() == [2.0]
    assert state["second"].tolist() == [13.25]


def test_agrees_with_torch() -> None:
    rng = np.random.default_rng(0)
    parameters = rng.standard_normal(20).astype(np.float32)
    theirs = torch.tensor(parameters, dtype=torch.float64, requires_grad=True)
    reference = torch.optim.Adagrad([theirs], lr=0.1, initial_accumulator_value=0.04, eps=0.2)
    optimizer = adagrad(tau=0.2)
    state = optimizer.init(parameters)
    for _ in range(30):
        update = rng.standard_normal(20)
        theirs.grad = -torch.tensor(update)
        reference.step()
        state, parameters = optimizer.apply(state, parameters, update, 0.1)
    np.testing.assert_allclose(parameters, theirs.detach().numpy(), rtol=1e-5, atol=1e-5)
