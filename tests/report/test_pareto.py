import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.report.pareto import front

few = st.integers(0, 5).map(float) | st.sampled_from([np.nan, np.inf])


@given(st.lists(st.tuples(few, few), max_size=12))
def test_the_front_is_what_nothing_dominates(points):
    cost, gain = np.array(points, dtype=np.float64).reshape(-1, 2).T
    finite = [i for i in range(len(points)) if np.isfinite(cost[i]) and np.isfinite(gain[i])]

    def dominated(i):
        return any(
            cost[j] <= cost[i] and gain[j] >= gain[i] and (cost[j] < cost[i] or gain[j] > gain[i])
            for j in finite
        )

    found = front(cost, gain)
    assert sorted(found) == [i for i in finite if not dominated(i)]
    assert (np.diff(cost[found]) >= 0).all()
    assert (np.diff(gain[found]) >= 0).all()


def test_a_front_by_hand():
    cost = np.array([3.0, 1.0, 2.0, 2.0, 4.0])
    gain = np.array([0.3, 0.1, 0.2, 0.15, 0.25])
    assert front(cost, gain).tolist() == [1, 2, 0]
