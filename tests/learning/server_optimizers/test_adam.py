import numpy as np
import pytest

from gboard_sim.learning.server_optimizers import adam


def test_two_steps_by_hand() -> None:
    optimizer = adam(beta_1=0.5, beta_2=0.75, tau=0.5)
    parameters = np.array([0.0], np.float32)
    state = optimizer.init(parameters)
    assert state["second"].tolist() == [0.25]
    state, parameters = optimizer.apply(state, parameters, np.array([2.0]), 1.0)
    # m = 1, v = 0.75 * 0.25 + 0.25 * 4 = 1.1875
    assert parameters.item() == pytest.approx(1.0 / (1.1875**0.5 + 0.5), rel=1e-6)
    before = float(parameters[0])
    state, parameters = optimizer.apply(state, parameters, np.array([-1.0]), 0.1)
    # m = 0.5 - 0.5 = 0: momentum and update cancel; v = 0.890625 + 0.25
    assert parameters.item() == pytest.approx(before, rel=1e-6)
    assert state["first"].tolist() == [0.0]
    assert state["second"].tolist() == [1.140625]


def test_there_is_no_bias_correction() -> None:
    optimizer = adam()
    parameters = np.zeros(1, np.float32)
    _, moved = optimizer.apply(optimizer.init(parameters), parameters, np.array([1.0]), 1.0)
    # paper: m = 0.1, v = 0.99e-6 + 0.01; corrected Adam would step by 1
    assert moved.item() == pytest.approx(0.1 / ((0.01 + 0.99e-6) ** 0.5 + 1e-3), rel=1e-6)


def test_large_tau_is_momentum_sgd() -> None:
    rng = np.random.default_rng(1)
    optimizer = adam(beta_1=0.9, beta_2=1.0 - 1e-12, tau=1e6)
    parameters, velocity = np.zeros(8, np.float32), np.zeros(8)
    expected = np.zeros(8)
    state = optimizer.init(parameters)
    for _ in range(10):
        update = rng.standard_normal(8)
        velocity = 0.9 * velocity + 0.1 * update
        expected += velocity
        state, parameters = optimizer.apply(state, parameters, update, 2e6)  # tau + sqrt(v) = 2 tau
    np.testing.assert_allclose(parameters, expected, rtol=1e-4)
