"""Sessions as processes: the same table as arrays give, and what changes when links are full."""

from dataclasses import fields, replace

import numpy as np
import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gboard_sim.fleet.asked import Asked
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.conditions import DOWNLOAD, TRAIN, UPLOAD, Conditions
from gboard_sim.fleet.live_sessions import LiveSessions
from gboard_sim.fleet.pricing import Priced, price, shapes

SEED = 9
AMPLE = Capacity(1e6, 1e6, 3, 1e6)


def live(asked, conditions, capacity):
    """All sessions to their ends: one table in the order of `asked`, and the order of the ends."""
    env = simpy.Environment()
    rows = {}

    def on_end(row, priced):
        assert env.now == pytest.approx(float(priced.ended_s[0]), abs=1e-6)
        rows[row] = priced

    LiveSessions(env, conditions, capacity).launch(asked, on_end)
    env.run()
    return Priced.of([rows[row] for row in range(len(asked.phone))]), list(rows)


def ask(n, **changes):
    """Sessions of 1000 bytes down, 20 tokens of 1 flop, 500 bytes up, all from 0 s."""
    made = Asked(
        phone=np.arange(n),
        count=np.zeros(n, dtype=np.int64),
        start_s=np.zeros(n),
        window_end_s=np.full(n, 1e6),
        gives_up_s=np.full(n, np.inf),
        phases=np.ones((3, n), dtype=bool),
        download_bytes=np.full(n, 1000),
        upload_bytes=np.full(n, 500),
        stint=lambda rows, at_s: np.full(len(rows), 20),
        flop_per_token=1.0,
    )
    return replace(made, **changes)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    share=st.floats(0.0, 0.9),
    retries=st.integers(0, 3),
    resumes=st.booleans(),
    varies=st.booleans(),
    scale=st.sampled_from([1.0, 300.0, 1e5]),
    capacity=st.sampled_from([Capacity(), AMPLE]),
)
def test_with_room_for_all_live_sessions_come_to_what_the_arrays_say(
    world, seed, share, retries, resumes, varies, scale, capacity
):
    n, rng = 10, np.random.default_rng(seed)
    made = replace(
        world.population(n, breaks=share, crashes=share / 2),
        retries=np.full(n, retries),
        resumes=np.full(n, resumes),
        retry_wait_s=rng.uniform(0.0, 9.0, n) * scale,
        round_trip_s=rng.uniform(0.0, 0.5, n),
        loss_share=rng.uniform(0.0, 0.3, n),
        down_hourly_sigma=np.full(n, 0.4 * varies),
        up_hourly_sigma=np.full(n, 0.6 * varies),
        down_bytes_per_s=rng.uniform(20.0, 200.0, n),
        up_bytes_per_s=rng.uniform(20.0, 200.0, n),
    )
    start_s = rng.uniform(0.0, 10.0, n) * scale
    words = rng.integers(0, 50, n)
    asked = ask(
        n,
        count=rng.integers(0, 99, n),
        start_s=start_s,
        window_end_s=start_s + rng.exponential(40.0, n) * scale,
        gives_up_s=np.where(
            rng.random(n) < 0.5, start_s + rng.exponential(40.0, n) * scale, np.inf
        ),
        phases=rng.random((3, n)) < 0.8,
        download_bytes=(rng.integers(0, 1500, n) * scale).astype(np.int64),
        upload_bytes=(rng.integers(0, 1500, n) * scale).astype(np.int64),
        # Text keeps arriving: the stint depends on when training begins.
        stint=lambda rows, at_s: (words[rows] + np.floor(at_s / scale)).astype(np.int64),
        flop_per_token=scale,
    )
    conditions = Conditions(made, SEED)
    arrays = price(asked, conditions)
    processes, _ = live(asked, conditions, capacity)
    for field in fields(Priced):
        one, other = getattr(processes, field.name), getattr(arrays, field.name)
        if field.name.endswith(("_s", "_j")):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-6, err_msg=field.name)
        else:
            np.testing.assert_array_equal(one, other, err_msg=field.name)
    used = arrays.arrived & (rng.random(n) < 0.5)
    assert shapes(processes, True, used).tolist() == shapes(arrays, True, used).tolist()


def test_phones_that_download_together_share_what_the_server_sends(world):
    # Four phones of 100 bytes/s on a server of 200: 20 s instead of 10. Uploads are not limited.
    capacity = Capacity(server_down_mbit_per_s=200 * 8 / 1e6)
    priced, _ = live(ask(4), Conditions(world.population(4), SEED), capacity)
    assert priced.spent_s[DOWNLOAD].tolist() == [20.0] * 4
    assert priced.spent_s[UPLOAD].tolist() == [5.0] * 4
    assert priced.phase_j[DOWNLOAD].tolist() == [20.0] * 4


def test_phones_at_one_access_point_share_it_both_ways(world):
    # Phones 0 and 1 share 100 bytes/s, phone 2 has an access point to itself. Phone 1 only uploads.
    capacity = Capacity(access_point_phones=2, access_point_mbit_per_s=100 * 8 / 1e6)
    phases = np.array([[True, False, True], [False] * 3, [False, True, False]])
    asked = ask(3, phases=phases)
    priced, order = live(asked, Conditions(world.population(3), SEED), capacity)
    # Phone 1 sends 500 bytes at 50/s in 10 s, in which phone 0 gets 500; the other 500 take 5 s.
    assert priced.ended_s.tolist() == [15.0, 10.0, 10.0]
    assert order[-1] == 0


def test_a_window_that_ends_frees_the_link_for_the_others(world):
    capacity = Capacity(server_down_mbit_per_s=100 * 8 / 1e6)
    phases = np.array([[True] * 2, [False] * 2, [False] * 2])
    asked = ask(2, phases=phases, window_end_s=np.array([4.0, 1e6]))
    priced, _ = live(asked, Conditions(world.population(2), SEED), capacity)
    # Half of 100 bytes/s each for 4 s; 800 bytes are left for the one that stays.
    assert priced.download_bytes.tolist() == [200, 1000]
    assert priced.ended_s.tolist() == [4.0, 12.0]
    assert shapes(priced, True, np.zeros(2, dtype=bool)).tolist() == ["-v!", "-v"]


def test_the_server_gives_up_on_sessions_that_a_full_link_holds_back(world):
    capacity = Capacity(server_up_mbit_per_s=50 * 8 / 1e6)
    asked = ask(2, gives_up_s=np.full(2, 20.0))
    priced, _ = live(asked, Conditions(world.population(2), SEED), capacity)
    # Uploads begin at 12 s and move 25 bytes/s each: 200 bytes by 20 s.
    assert priced.upload_bytes.tolist() == [200, 200]
    assert shapes(priced, True, np.zeros(2, dtype=bool)).tolist() == ["-v[]+!"] * 2
    assert priced.spent_s[TRAIN].tolist() == [2.0, 2.0]


def test_a_link_that_varies_goes_on_at_its_new_rate_beside_others(world):
    # Three flows over one server: total bytes moved are the capacity times the busy time.
    made = replace(world.population(3), down_hourly_sigma=np.full(3, 0.5))
    capacity = Capacity(server_down_mbit_per_s=60 * 8 / 1e6)
    phases = np.array([[True] * 3, [False] * 3, [False] * 3])
    asked = ask(3, phases=phases, download_bytes=np.full(3, 200_000), start_s=np.full(3, 500.0))
    priced, _ = live(asked, Conditions(made, SEED), capacity)
    assert priced.ended_s.max() == pytest.approx(500.0 + 600_000 / 60.0)
    assert priced.download_bytes.tolist() == [200_000] * 3
