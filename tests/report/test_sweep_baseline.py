import math
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from gboard_sim.errors import GboardSimError
from gboard_sim.report.sweep_baseline import LEVEL, factor, find, loss

SETTINGS = {
    "codec=fp32, training.steps=1": {"codec": "fp32", "training.steps": "1"},
    "codec=fp32, training.steps=4": {"codec": "fp32", "training.steps": "4"},
    "codec=k_level(k=16), training.steps=4": {"codec": "k_level(k=16)", "training.steps": "4"},
}


@pytest.mark.parametrize(
    ("asked", "number"),
    [
        (None, 1),
        ("2", 2),
        ("codec=fp32, training.steps=4", 2),
        ("training.steps=1", 1),
        ("codec=k_level(k=16)", 3),
        ("training.steps=4,codec=fp32", 2),
    ],
)
def test_a_baseline_is_named_by_number_label_or_what_it_alone_has(asked, number):
    assert find(SETTINGS, asked) == number


@pytest.mark.parametrize("asked", ["0", "4", "codec=fp32", "codec=fp16", "fp32", ""])
def test_another_name_is_refused_with_what_is_allowed(asked):
    with pytest.raises(GboardSimError, match=r"--baseline .* a number from 1 to 3"):
        find(SETTINGS, asked)


def setting(recalls):
    return SimpleNamespace(done={seed: {"recall": recall} for seed, recall in recalls.items()})


def test_the_loss_is_paired_by_seed_with_the_interval_of_a_paired_t_test():
    base, own = {1: 0.30, 2: 0.25, 3: 0.40, 4: None}, {3: 0.38, 2: 0.25, 1: 0.27, 4: 0.1, 5: 0.2}
    found = loss(setting(own), setting(base), "recall")
    losses = np.array([1 - 0.27 / 0.30, 0.0, 1 - 0.38 / 0.40])
    low, high = stats.t.interval(LEVEL, 2, losses.mean(), losses.std(ddof=1) / math.sqrt(3))
    assert found.repeats == 3
    assert (found.mean, found.low, found.high) == pytest.approx((losses.mean(), low, high))
    two = loss(setting({1: 0.27, 2: 0.25}), setting(base), "recall")
    assert two.high - two.mean == pytest.approx(6.313751514675043 * 0.05)  # tan(0.45 pi), s / 2^.5
    assert loss(setting({5: 0.2}), setting(base), "recall") is None


def test_common_noise_of_a_seed_cancels():
    # Recalls that vary by a tenth from seed to seed, and a loss of exactly 1% in each.
    base = {seed: 0.2 + 0.02 * seed for seed in range(1, 6)}
    found = loss(setting({s: 0.99 * r for s, r in base.items()}), setting(base), "recall")
    assert (found.mean, found.low, found.high) == pytest.approx((0.01, 0.01, 0.01))


def test_a_factor_is_the_geometric_mean_of_paired_ratios():
    found = factor([1.0, 2.0], [4.0, 32.0])
    assert found.mean == pytest.approx(8.0)
    assert found.low * found.high == pytest.approx(64.0)
    assert factor([0.0, 1.0], [3.0, 0.0]) is None
    assert factor([0.0, 2.0], [3.0, 6.0]).mean == pytest.approx(3.0)
