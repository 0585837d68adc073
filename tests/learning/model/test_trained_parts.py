"""What training parts of a model costs, and which graph does it."""

import pytest

from gboard_sim.learning.model.spec import flop_per_token, load_spec
from gboard_sim.learning.model.trained_parts import STEPS, TrainedParts


def test_every_choice_has_its_graph():
    choices = [TrainedParts(rows, rank) for rows in ("all", "frozen") for rank in (None, 4)]
    assert sorted(parts.step for parts in choices) == sorted(STEPS)
    assert [parts.everything for parts in choices] == [True, False, False, False]


@pytest.mark.parametrize("name", ["gboard-cifg", "mcmahan-lstm", "stackoverflow-lstm"])
def test_what_is_not_trained_costs_no_gradient(name):
    spec = load_spec(name)
    v, whole = spec.vocabulary, flop_per_token(spec, spec.vocabulary)
    assert TrainedParts().flop_per_token(spec, v) == whole
    output = v * spec.features + (v if spec.output_bias else 0)
    assert TrainedParts("frozen").flop_per_token(spec, v) == whole - 2 * output
    adapted = TrainedParts(rank=8).flop_per_token(spec, v)
    assert 4 / 6 * whole < adapted < whole


def test_gboards_figures_by_hand():
    spec = load_spec("gboard-cifg")
    # forward and back 4 x 1,412,250; gradients of 2,010 biases and of the adapters' 96 + 2010,
    # 96 + 2010 and 670 + 96 rows and columns of 8
    flop = 4 * 1_412_250 + 2 * 2010 + 2 * 8 * (2106 + 2106 + 766)
    assert TrainedParts("frozen", rank=8).flop_per_token(spec, 10_000) == flop
