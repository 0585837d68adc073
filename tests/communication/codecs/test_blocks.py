import numpy as np
import pytest

from gboard_sim.communication.codecs.blocks import blocks, rows_of


@pytest.mark.parametrize(
    ("count", "shapes"),
    [(0, []), (3, [(1, 3)]), (4, [(1, 4)]), (11, [(2, 4), (1, 3)]), (12, [(3, 4)])],
)
def test_whole_blocks_and_a_shorter_last_one(count, shapes):
    vector = np.arange(count, dtype=np.float32)
    rows = list(rows_of(vector, 4))
    assert [each.shape for each in rows] == shapes
    assert [x for each in rows for x in each.ravel().tolist()] == vector.tolist()
    assert blocks(count, 4) == sum(shape[0] for shape in shapes)
    assert all(np.shares_memory(each, vector) for each in rows)
