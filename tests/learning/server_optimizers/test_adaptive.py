import math

import numpy as np
import pytest

from gboard_sim.learning.server_optimizers import OPTIMIZERS
from gboard_sim.learning.server_optimizers.adaptive import adaptive

ADAPTIVE = ("adagrad", "adam", "yogi")


@pytest.mark.parametrize("name", ADAPTIVE)
def test_the_first_step_of_the_paper_is_taken_by_each(name: str) -> None:
    # v starts at the floor tau^2; a first update of u is above it, so all three add what they add.
    u, tau = 0.3, 1e-3
    added = {"adagrad": 1.0, "adam": 0.01, "yogi": 0.01}[name]
    kept = 0.99 if name == "adam" else 1.0
    momentum = 1.0 if name == "adagrad" else 0.1
    optimizer = OPTIMIZERS[name]()
    parameters = np.zeros(1, np.float32)
    _, moved = optimizer.apply(optimizer.init(parameters), parameters, np.array([u]), 1.0)
    second = kept * tau**2 + added * u**2
    assert moved.item() == pytest.approx(momentum * u / (second**0.5 + tau), rel=1e-6)


@pytest.mark.parametrize("name", ADAPTIVE)
def test_an_untouched_parameter_stays_where_it_is(name: str) -> None:
    optimizer = OPTIMIZERS[name]()
    parameters = np.array([2.0], np.float32)
    state, moved = optimizer.apply(optimizer.init(parameters), parameters, np.zeros(1), 1.0)
    assert moved.tolist() == [2.0]
    assert np.isfinite(state["second"]).all()


@pytest.mark.parametrize("value", [-0.1, 1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", ["beta_1", "beta_2"])
def test_a_decay_outside_its_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"{name}\(=.*at least 0 and below 1"):
        OPTIMIZERS["yogi"](**{name: value})


@pytest.mark.parametrize("tau", [0.0, -1e-3, math.nan, math.inf, 1e300])
def test_an_adaptivity_outside_its_range_is_refused(tau: float) -> None:
    with pytest.raises(ValueError, match=r"tau\(="):
        adaptive("made", lambda second, squared: second + squared, beta_1=0.0, tau=tau)
