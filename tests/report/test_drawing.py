import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.report import drawing


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.floats(0.01, 0.2))
def test_labels_keep_their_order_and_their_distance(positions, gap):
    wanted = np.array(positions)
    placed = drawing.spread(wanted, gap)
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= gap - 1e-9).all()
    assert np.isclose(placed.mean(), wanted.mean())


def test_labels_with_room_stay_where_they_are():
    assert drawing.spread(np.array([0.9, 0.1, 0.5]), 0.2).tolist() == [0.9, 0.1, 0.5]


def test_two_labels_at_one_height_move_apart_evenly():
    assert np.allclose(drawing.spread(np.array([0.5, 0.5]), 0.2), [0.4, 0.6])


def test_a_long_series_keeps_its_range_and_its_medians():
    y = np.arange(3000.0)
    x, low, middle, high = drawing.stretches(np.arange(3000.0) / 10, y)
    assert len(x) == len(low) == len(middle) == len(high) == drawing.POINTS
    assert low[0] == 0
    assert middle[0] == 4.5
    assert high[0] == 9
    assert high[-1] == 2999
    assert np.allclose(x[:2], [0.45, 1.45])
