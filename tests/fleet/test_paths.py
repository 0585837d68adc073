"""Sessions worked out as arrays and sessions run as processes give the same run."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.fake_learner import plausible_typing
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.seam.records import LocalWork, Sessions

AMPLE = Capacity(server_down_mbit_per_s=1e9, server_up_mbit_per_s=1e9)
PHONES, DAYS = 300, 1.0


WORKS = (LocalWork(1, None, 8, 0.1), LocalWork(None, 6, 8, 0.1), LocalWork(1, None, 8, 0.1, 20))


def run(world, rules, schedule, capacity, *, model_bytes=5_649_000, **terms):
    blocks = []
    learner = world.Learner(plausible_typing(PHONES, DAYS, 5), model_bytes=model_bytes)
    end = simulate(
        populate(load_fleet("default", catalogue.read), PHONES, 5),
        rules,
        replace(schedule, works=WORKS),
        world.FixedSize(5_649_000),
        learner,
        parameters=1,
        flop_per_token=8.5e6,
        seed=5,
        days=DAYS,
        terms=Terms(capacity=capacity, **terms),
        log=blocks.append,
    )
    log = {
        name: np.concatenate([getattr(block, name) for block in blocks])
        for name in Sessions.__dataclass_fields__
    }
    return end, log, learner


ROUNDS = RoundRules(goal=8, minimum=4, deadline_s=60.0, selection_timeout_s=1800.0)


@pytest.mark.parametrize(
    ("rules", "k", "more"),
    [
        (ROUNDS, 1, {}),
        (ROUNDS, 2, {"session_timeout_s": 40.0}),
        (ROUNDS, 2, {"evaluation": EvaluationRules(every=5, goal=6)}),
        (BufferRules(goal=4, concurrency=12, max_staleness=3), 1, {}),
        (BufferRules(goal=4, concurrency=12), 2, {}),
    ],
)
def test_processes_and_arrays_agree_where_no_link_is_full(world, rules, k, more):
    schedule = world.EveryKth(k=k, max_age=6)
    end, log, learner = run(world, rules, schedule, Capacity(), **more)
    live_end, live_log, live_learner = run(world, rules, schedule, AMPLE, **more)
    assert end.versions == live_end.versions > 15
    assert len(np.unique(log["shape"])) > 4
    for name, column in log.items():
        if column.dtype.kind == "f":
            np.testing.assert_allclose(live_log[name], column, rtol=1e-9, atol=1e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(live_log[name], column, err_msg=name)
    for one, other in zip(learner.cohorts, live_learner.cohorts, strict=True):
        assert one.makes_version == other.makes_version
        assert [u.session for u in one.uploads] == [u.session for u in other.uploads]
        assert sorted(d.session for d in one.dropouts) == sorted(d.session for d in other.dropouts)
        # A process that is late still needs its snapshot; an array is settled at the close.
        assert other.oldest_version <= one.oldest_version <= one.makes_version


def test_a_full_server_link_carries_no_more_than_it_can(world):
    _, free, _ = run(world, ROUNDS, world.EveryKth(), Capacity())
    _, log, _ = run(world, ROUNDS, world.EveryKth(), Capacity(server_down_mbit_per_s=40.0))
    mean_s = [table["download_s"][table["download_s"] > 0].mean() for table in (free, log)]
    assert mean_s[1] > 1.5 * mean_s[0]
    # While any download is under way the link carries at most 5 MB/s for all of them together.
    began_s = log["began_s"] + log["wait_s"]
    ended_s = began_s + log["download_s"]
    order = np.argsort(began_s)
    reach_s = np.maximum.accumulate(ended_s[order])
    spell = np.concatenate([[0], np.cumsum(began_s[order][1:] > reach_s[:-1])])
    carried = np.bincount(spell, log["download_bytes"][order])
    first_s = began_s[order][np.searchsorted(spell, np.arange(spell[-1] + 1))]
    last_s = np.array([reach_s[spell == n].max() for n in range(spell[-1] + 1)])
    assert (carried <= 5e6 * (last_s - first_s) + 1000.0).all()
    assert (carried / np.maximum(last_s - first_s, 1e-9)).max() > 4.5e6
