import numpy as np
import pytest

from gboard_sim.learning.server_optimizers import yogi


def test_three_steps_by_hand() -> None:
    optimizer = yogi(beta_1=0.5, beta_2=0.75, tau=0.5)
    parameters = np.array([0.0], np.float32)
    state = optimizer.init(parameters)
    state, parameters = optimizer.apply(state, parameters, np.array([2.0]), 1.0)
    # m = 1; 4 is above v = 0.25, so v rises by a quarter of 4
    assert state["second"].tolist() == [1.25]
    assert parameters.item() == pytest.approx(1.0 / (1.25**0.5 + 0.5), rel=1e-6)
    before = float(parameters[0])
    state, parameters = optimizer.apply(state, parameters, np.array([1.0]), 0.1)
    # m = 0.5 + 0.5; 1 is below v = 1.25, so v falls by a quarter of 1, to where 1 changes nothing
    assert state["second"].tolist() == [1.0]
    assert parameters.item() == pytest.approx(before + 0.1 / 1.5, rel=1e-6)
    state, _ = optimizer.apply(state, parameters, np.array([-1.0]), 0.1)
    assert state["second"].tolist() == [1.0]
    assert state["first"].tolist() == [0.0]


def test_agrees_with_the_form_of_zaheer_and_others() -> None:
    # Their algorithm 2 without bias correction, parameter by parameter in plain Python.
    rng = np.random.default_rng(0)
    start = rng.standard_normal(5).astype(np.float32)
    updates = rng.standard_normal((30, 5)) * np.exp(-np.arange(30) / 5)[:, None]
    optimizer = yogi(tau=0.01)
    parameters, state = start, optimizer.init(start)
    for update in updates:
        state, parameters = optimizer.apply(state, parameters, update, 0.05)
    for which in range(5):
        weight, first, second = float(start[which]), 0.0, 0.01**2
        for gradient in -updates[:, which]:
            first += (1 - 0.9) * (gradient - first)
            change = (1 - 0.99) * gradient**2
            second += change if second < gradient**2 else -change
            weight -= 0.05 * first / (second**0.5 + 0.01)
        assert parameters[which] == pytest.approx(weight, rel=1e-5, abs=1e-6)


def test_its_second_moment_outlives_adams_when_updates_fade() -> None:
    optimizer = yogi(beta_2=0.5, tau=0.1)
    parameters = np.zeros(1, np.float32)
    state = optimizer.init(parameters)
    for update in (4.0, 1e-3, 1e-3, 1e-3):
        state, parameters = optimizer.apply(state, parameters, np.array([update]), 1.0)
    assert state["second"][0] == pytest.approx(0.01 + 8.0, rel=1e-5)  # Adam's would be an eighth
