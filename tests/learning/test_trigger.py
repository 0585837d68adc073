"""Federated logistic regression against Newton's method and by hand."""

import numpy as np
import pytest

from gboard_sim.learning.trigger import Plan, chances, federated, log_loss, trained


def phones(people=12, features=4, seed=1, drift=0.0):
    """Examples of some phones, drawn from a logistic law; people may differ by `drift`."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(5, 40, people)
    counts[3] = 0
    first = np.concatenate([[0], np.cumsum(counts)])
    x = draw.normal(size=(first[-1], features))
    x[:, 0] = 1.0
    truth = np.array([-0.5, 1.0, -2.0, 0.0])
    own = np.repeat(drift * draw.normal(size=people), counts)
    return x, draw.random(len(x)) < 1 / (1 + np.exp(-(x @ truth + own))), first


def newton(x, y, steps=50):
    """The maximum of the likelihood by iteratively reweighted least squares."""
    weights = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-(x @ weights)))
        weights += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]), x.T @ (y - p))
    return weights


def test_one_full_step_of_every_phone_a_round_finds_what_newton_finds():
    x, y, first = phones()
    found = federated(x, y, first, Plan(600, 100, None, 1, 2.0), seed=1)
    assert found == pytest.approx(newton(x, y), abs=1e-6)


def test_local_steps_of_some_phones_come_close_to_newton():
    x, y, first = phones(people=60, drift=0.5)
    found = federated(x, y, first, Plan(300, 20, 8, 2, 0.02), seed=1)
    best = newton(x, y)
    assert log_loss(found, x, y) < log_loss(best, x, y) + 0.01
    assert log_loss(np.zeros(4), x, y) == pytest.approx(np.log(2))
    assert log_loss(best, x, y) < 0.5


def test_a_round_by_hand():
    """Two phones with one and three examples, one feature, one step each from zero."""
    x, y = np.array([[1.0], [2.0], [1.0], [-1.0]]), np.array([True, True, False, False])
    # At zero every chance is a half: a step is rate * mean((y - 1/2) * x) of each phone.
    first, second = 0.1 * 0.5, 0.1 * (0.5 * 2 - 0.5 * 1 + 0.5 * 1) / 3
    found = federated(x, y, np.array([0, 1, 4]), Plan(1, 2, None, 1, 0.1), seed=1)
    assert found == pytest.approx([(1 * first + 3 * second) / 4])


def test_batches_are_steps_of_their_own():
    x, y = np.array([[1.0], [1.0]]), np.array([True, True])
    once = trained(np.zeros(1), x, y, Plan(1, 1, 1, 1, 1.0))
    a = 0.5
    assert once == pytest.approx([a + 1 - 1 / (1 + np.exp(-a))])


def test_the_order_of_the_phones_examples_and_the_seed_are_all_that_chance_does():
    x, y, first = phones()
    plan = Plan(20, 5, 8, 1, 0.1)
    assert (federated(x, y, first, plan, 1) == federated(x, y, first, plan, 1)).all()
    assert (federated(x, y, first, plan, 1) != federated(x, y, first, plan, 2)).any()


def test_no_margin_overflows():
    assert chances(np.array([1e6]), np.array([[1.0], [-1.0]])) == pytest.approx([1, 0])
    assert log_loss(np.array([1e3]), np.array([[1.0], [-1.0]]), np.array([False, True])) == 1e3
    assert np.isnan(log_loss(np.zeros(1), np.empty((0, 1)), np.empty(0, bool)))
    nobody = federated(np.empty((0, 2)), np.empty(0, bool), np.zeros(3, int),
                       Plan(2, 2, 1, 1, 1.0), 1)  # fmt: skip
    assert nobody.tolist() == [0, 0]
