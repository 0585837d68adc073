"""The sum in blocks is the plain sum, bit for bit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.learning.weighted_sum import BLOCK, WeightedSum


@given(
    size=st.sampled_from([1, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3]),
    weights=st.lists(st.floats(0.01, 1e6), min_size=1, max_size=6),
)
def test_blocks_give_the_bits_of_the_plain_sum(size, weights):
    updates = np.random.default_rng(size).normal(size=(len(weights), size)).astype(np.float32)
    total = WeightedSum()
    plain = np.zeros(size)
    for update, weight in zip(updates, weights, strict=True):
        total.add(update, weight)
        plain = plain + update.astype(np.float64) * weight
    assert total.value.tobytes() == plain.tobytes()


def test_a_sum_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no updates"):
        WeightedSum().value  # noqa: B018  reading it is what is tested
