import math
from itertools import pairwise

import pytest

from gboard_sim.communication.learning_rate import LearningRate


@pytest.mark.parametrize(
    ("kind", "factor", "every", "expected"),
    [
        ("constant", 0.5, 4, {0: 0.8, 3: 0.8, 400: 0.8}),
        ("step", 0.5, 4, {0: 0.8, 3: 0.8, 4: 0.4, 7: 0.4, 8: 0.2}),
        ("exponential", 0.25, 4, {0: 0.8, 2: 0.4, 4: 0.2, 8: 0.05}),
        ("inverse_sqrt", 0.5, 4, {0: 0.8, 12: 0.4, 60: 0.2}),
        ("cosine", 0.5, 4, {0: 0.8, 2: 0.6, 4: 0.4, 40: 0.4}),
    ],
)
def test_each_decay_takes_the_values_worked_out_by_hand(kind, factor, every, expected):
    rate = LearningRate(0.8, kind=kind, factor=factor, every=every)
    for version, value in expected.items():
        assert rate.at(version) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("kind", ["step", "exponential", "inverse_sqrt", "cosine"])
def test_no_decay_ever_rises(kind):
    rates = [LearningRate(1.0, kind=kind, factor=0.3, every=7).at(v) for v in range(60)]
    assert all(later <= earlier for earlier, later in pairwise(rates))
    assert rates[-1] < rates[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"first": 0.0}, r"learning_rate\(=0.0\)"),
        ({"first": math.inf}, r"learning_rate\(=inf\)"),
        ({"first": math.nan}, r"learning_rate\(=nan\)"),
        ({"first": 1.0, "kind": "linear"}, r"kind\(='linear'\) must be one of constant, step"),
        ({"first": 1.0, "factor": 1.5}, r"factor\(=1.5\)"),
        ({"first": 1.0, "factor": 0.0}, r"factor\(=0.0\)"),
        ({"first": 1.0, "every": 0}, r"every\(=0\)"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        LearningRate(**arguments)


def test_a_warm_up_rises_evenly_to_what_the_rate_would_be():
    rate = LearningRate(0.8, kind="step", factor=0.5, every=4, warm_up=3)
    assert [rate.at(v) for v in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.4, 0.4])
    with pytest.raises(ValueError, match=r"warm_up\(=-1\)"):
        LearningRate(1.0, warm_up=-1)
