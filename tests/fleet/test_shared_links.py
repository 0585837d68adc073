"""Shared links in simulated time: closed forms, small steps, and what must always hold."""

import numpy as np
import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.fleet.max_min import max_min
from gboard_sim.fleet.shared_links import SharedLinks


def run(capacity, plans, stops=None, recaps=None, watch=None):
    """Flows of (start, bytes, cap, route): when each ended, and what was left of those stopped."""
    env = simpy.Environment()
    links = SharedLinks(env, dict(enumerate(capacity)).__getitem__)
    ended, left = {}, {}

    def flow(number, start_s, size, cap, route):
        yield env.timeout(start_s)
        moving = links.start(size, cap, route, start_s)
        for at_s, new in (recaps or {}).get(number, []):
            yield moving.done | env.timeout(at_s - env.now)
            if moving.done.triggered:
                break
            links.recap(moving, new, at_s)
        stop_s = (stops or {}).get(number)
        if stop_s is None:
            yield moving.done
        else:
            yield moving.done | env.timeout(stop_s - env.now)
        if moving.done.triggered:
            ended[number] = moving.done.value
        else:
            left[number] = links.stop(moving, stop_s)

    for number, plan in enumerate(plans):
        env.process(flow(number, *plan))
    while env.peek() < np.inf:
        env.step()
        if watch:
            watch(links)
    assert links.flows == 0
    return ended, left


def test_equal_flows_that_arrive_together_end_together():
    ended, _ = run([10.0], [(5.0, 100.0, 99.0, (0,))] * 4)
    assert ended == dict.fromkeys(range(4), 45.0)


def test_a_flow_that_joins_halves_the_rate_until_the_first_is_through():
    # 100 bytes at 10/s alone for 4 s, then 5/s: 60 left take 12 s; the other has 40 left, alone.
    ended, _ = run([10.0], [(0.0, 100.0, 99.0, (0,)), (4.0, 100.0, 99.0, (0,))])
    assert ended == {0: 16.0, 1: 20.0}


def test_flows_that_arrive_one_after_the_other_leave_in_order():
    # n equal flows of B bytes, one every d seconds on a link C: while all are in, each step of the
    # ledger is arithmetic: 3 flows of 60 bytes at 12/s, one every 2 s.
    ended, _ = run([12.0], [(2.0 * i, 60.0, 99.0, (0,)) for i in range(3)])
    # first: 24 + 12 in 4 s, 24 left at 4/s: 10 s. second: 12 + 24, 24 left at 6/s: 14 s.
    # third: 24 + 24, 12 left at 12/s: 15 s.
    assert [ended[i] for i in range(3)] == pytest.approx([10.0, 14.0, 15.0])


def test_the_classic_three_flows_over_two_links():
    # Rates 2, 8, 2: the long flow and the third end at 10 s; the second long before.
    plans = [(0.0, 20.0, 99.0, (0, 1)), (0.0, 16.0, 99.0, (0,)), (0.0, 20.0, 99.0, (1,))]
    ended, _ = run([10.0, 4.0], plans)
    assert ended == {0: 10.0, 1: 2.0, 2: 10.0}


def test_a_cap_that_changes_and_a_flow_that_is_stopped():
    # Alone at cap 5 for 2 s, then cap 20 on a link of 10: 90 left, stopped at 6 s with 50 left.
    ended, left = run([10.0], [(0.0, 100.0, 5.0, (0,))], {0: 6.0}, {0: [(2.0, 20.0)]})
    assert (ended, left) == ({}, {0: 50.0})


def test_a_flow_that_slows_down_leaves_room_to_the_others():
    # 5/s each for 4 s; then the first can only 1/s, and the second has its 8/s for 32 bytes.
    plans = [(0.0, 30.0, 8.0, (0,)), (0.0, 52.0, 8.0, (0,))]
    ended, _ = run([10.0], plans, recaps={0: [(4.0, 1.0)]})
    assert ended == {0: 14.0, 1: 8.0}


def test_flows_that_share_nothing_are_exact():
    plans = [(0.1, 1e7 / 3, 7e5 / 3, ()), (0.2, 1e7 / 3, 7e5 / 3, (0,))]
    ended, _ = run([1e9], plans)
    assert ended == {0: 0.1 + (1e7 / 3) / (7e5 / 3), 1: 0.2 + (1e7 / 3) / (7e5 / 3)}


def test_nothing_to_move_takes_no_time_even_on_a_full_link():
    ended, _ = run([1.0], [(0.0, 10.0, 5.0, (0,)), (3.0, 0.0, 5.0, (0,))])
    assert ended == {0: 10.0, 1: 3.0}


STEP_S = 1 / 128


def on_the_grid(least_s, most_s):
    """Times that fall on a step, so that only a flow's end may fall within one."""
    return st.integers(4 * least_s, 4 * most_s).map(lambda quarters: quarters / 4)


@st.composite
def traffic(draw):
    links = draw(st.integers(1, 3))
    capacity = draw(st.lists(st.floats(4.0, 20.0), min_size=links, max_size=links))
    routes = st.lists(st.integers(0, links - 1), max_size=2, unique=True).map(tuple)
    plan = st.tuples(on_the_grid(0, 4), st.floats(0.0, 30.0), st.floats(2.0, 10.0), routes)
    plans = draw(st.lists(plan, min_size=1, max_size=5))
    stops = draw(st.dictionaries(st.integers(0, len(plans) - 1), on_the_grid(4, 7)))
    times = st.lists(on_the_grid(4, 7), max_size=2, unique=True).map(sorted)
    recaps = {}
    for number in draw(st.sets(st.integers(0, len(plans) - 1))):
        if number not in stops:
            recaps[number] = [(at_s, draw(st.floats(2.0, 10.0))) for at_s in draw(times)]
    return capacity, plans, stops, recaps


def small_steps(capacity, plans, stops, recaps):
    """The same traffic in steps so small that rates hold for one of them."""
    left = np.array([size for _, size, _, _ in plans])
    cap = np.array([cap for _, _, cap, _ in plans])
    start_s = np.array([start for start, _, _, _ in plans])
    route = np.array([(*links, -1, -1)[:2] for *_, links in plans])
    stop_s = np.array([stops.get(number, np.inf) for number in range(len(plans))])
    ended = np.full(len(plans), np.nan)
    changes = sorted((at_s, n, new) for n, rows in recaps.items() for at_s, new in rows)
    for step in range(10**6):
        at_s = step * STEP_S
        while changes and changes[0][0] <= at_s:
            _, number, cap[number] = changes.pop(0)
        ended[(left <= 0.0) & (start_s <= at_s) & (stop_s >= at_s) & np.isnan(ended)] = at_s
        here = np.flatnonzero((start_s <= at_s) & (stop_s > at_s) & np.isnan(ended))
        if not len(here) and at_s > 7.0:
            return ended, left
        left[here] -= max_min(cap[here], route[here], np.array(capacity)) * STEP_S
    raise AssertionError


@settings(max_examples=60)
@given(traffic())
def test_random_traffic_agrees_with_small_steps(case):
    capacity, plans, *_ = case
    ended, left = run(*case)
    slow_ended, slow_left = small_steps(*case)
    # What a flow leaves to the others is seen up to a step late, at 10 bytes/s at most.
    late_bytes = STEP_S * 10.0 * len(plans)
    late_s = 2 * STEP_S + late_bytes / min(2.0, min(capacity) / len(plans))
    for number, end_s in ended.items():
        if np.isnan(slow_ended[number]):
            assert slow_left[number] <= late_bytes
        else:
            assert slow_ended[number] == pytest.approx(end_s, abs=late_s)
    for number, rest in left.items():
        assert max(slow_left[number], 0.0) == pytest.approx(rest, abs=late_bytes)


@given(traffic())
def test_links_are_never_overfull_and_bytes_are_conserved(case):
    capacity, plans, stops, recaps = case
    env_loads = []

    def watch(links):
        if links._changed_s is None:
            places = list(links._flow)
            for place in places:
                for link in links._route[place][links._route[place] >= 0]:
                    name = links._link_at[int(link)]
                    users = [p for p in places if link in links._route[p]]
                    load = links._rate[users].sum()
                    env_loads.append(load / capacity[name])

    ended, left = run(capacity, plans, stops, recaps, watch)
    assert max(env_loads, default=0.0) <= 1 + 1e-9
    assert set(ended) | set(left) == set(range(len(plans)))
    for number, rest in left.items():
        assert 0.0 <= rest <= plans[number][1]
    for number, end_s in ended.items():
        start_s, size, cap, _ = plans[number]
        fastest = max([cap, *(new for _, new in recaps.get(number, []))])
        assert end_s >= start_s + size / fastest * (1 - 1e-9)


def test_one_busy_link_carries_its_capacity_to_the_last_byte():
    rng = np.random.default_rng(3)
    plans = [(0.0, float(size), 50.0, (0,)) for size in rng.uniform(1.0, 50.0, 40)]
    ended, _ = run([10.0], plans)
    assert max(ended.values()) == pytest.approx(sum(size for _, size, _, _ in plans) / 10.0)
