"""Max-min fair rates against worked examples, the definition, and a level that really rises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.fleet.max_min import max_min


@st.composite
def networks(draw):
    links = draw(st.integers(0, 5))
    flows = draw(st.integers(1, 12))
    caps = draw(st.lists(st.floats(0.01, 100.0), min_size=flows, max_size=flows))
    room = draw(st.lists(st.floats(0.1, 100.0), min_size=links, max_size=links))
    hop = st.integers(-1, links - 1)
    route = [draw(st.tuples(hop, hop)) for _ in range(flows)]
    route = [(a, -1 if a == b else b) for a, b in route]
    return np.array(caps), np.array(route, dtype=np.int64), np.array(room)


def rising_level(cap, route, capacity):
    """Progressive filling by the book: one flow or one link is settled at a time."""
    rate = np.zeros(len(cap))
    open_ = set(range(len(cap)))
    while open_:
        level, link = min((cap[f], -1) for f in open_)
        for number, room in enumerate(capacity):
            through = [f for f in range(len(cap)) if number in route[f]]
            rising = [f for f in through if f in open_]
            if rising:
                taken = sum(rate[f] for f in through if f not in open_)
                level, link = min((level, link), ((room - taken) / len(rising), number))
        gone = {f for f in open_ if cap[f] <= level or (link >= 0 and link in route[f])}
        for flow in gone:
            rate[flow] = min(level, cap[flow])
        open_ -= gone
    return rate


def test_three_flows_over_two_links_as_in_the_textbooks():
    # One flow passes both links, the others one each: 10 and 4 carry 8 + 2 and 2 + 2.
    route = np.array([[0, 1], [0, -1], [1, -1]])
    rates = max_min(np.full(3, 100.0), route, np.array([10.0, 4.0]))
    assert rates.tolist() == [2.0, 8.0, 2.0]


def test_what_one_flow_cannot_use_the_others_share():
    route = np.zeros((4, 1), dtype=np.int64)
    rates = max_min(np.array([1.0, 2.0, 50.0, 50.0]), route, np.array([13.0]))
    assert rates.tolist() == [1.0, 2.0, 5.0, 5.0]


def test_flows_that_pass_no_link_go_as_fast_as_they_can():
    assert max_min(np.array([3.0, 4.0]), np.full((2, 2), -1), np.zeros(0)).tolist() == [3.0, 4.0]


@given(networks())
def test_rates_are_those_of_a_level_that_rises_step_by_step(network):
    np.testing.assert_allclose(max_min(*network), rising_level(*network), rtol=1e-9)


@given(networks())
def test_no_link_is_overfull_and_every_flow_is_held_back_by_something(network):
    cap, route, capacity = network
    rates = max_min(*network)
    load = np.array([rates[(route == link).any(axis=1)].sum() for link in range(len(capacity))])
    assert (load <= capacity * (1 + 1e-9)).all()
    for flow, rate in enumerate(rates):
        full = [
            link
            for link in route[flow]
            if link >= 0
            and load[link] >= capacity[link] * (1 - 1e-9)
            and rate >= rates[(route == link).any(axis=1)].max() * (1 - 1e-9)
        ]
        assert rate == cap[flow] or full
    assert rates == pytest.approx(np.minimum(rates, cap))
