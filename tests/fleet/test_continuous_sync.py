"""What unselected phones install, worked out by hand, and beside a run."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.fleet.allowance import AllowanceRules
from gboard_sim.fleet.continuous_sync import SyncRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms

HOUR = 3600.0


def run(world, phones, windows, *, sync, hours=6, goal=1, text=None, allowance=None, **more):
    history = []
    learner = world.Learner(text or world.one_row_each(phones.phones))
    end = simulate(
        phones,
        RoundRules(goal=goal, over_selection=1.0, deadline_s=100.0),
        world.EveryKth(keeps_unsent=False),
        world.FixedSize(),
        learner,
        parameters=1,
        flop_per_token=10.0,
        seed=1,
        days=hours / 24,
        windows=windows,
        terms=Terms(sync=sync, allowance=allowance or AllowanceRules()),
        log_installed=lambda at_s, version, count: history.append(
            (at_s / HOUR, dict(zip(version.tolist(), count.tolist(), strict=True)))
        ),
        **more,
    )
    return end, history


def test_installs_of_a_morning_worked_out_by_hand(world):
    # Only phone 0 has text. It makes version 1 in the first hour and version 2 in the fourth. A
    # model takes 10 s at 100 bytes/s: half a second and five are too short for it.
    windows = world.windows(
        (0, 100, 200),
        (1, HOUR + 50, HOUR + 50.5),
        (1, 1.5 * HOUR, 1.6 * HOUR),  # the hour's second window: not used
        (2, 2.5 * HOUR, 2.5 * HOUR + 5),
        (1, 3.2 * HOUR, 3.3 * HOUR),
        (0, 3.5 * HOUR, 3.6 * HOUR),
    )
    text = replace(
        world.one_row_each(1),
        first=np.array([0, 1, 1, 1]),
        time_s=np.zeros(1),
        tokens=np.ones(1, int),
    )
    end, history = run(world, world.population(3), windows, sync=SyncRules(1.0), text=text)
    assert end.versions == 2
    # Phone 0 serves version 1 from its second session on, which downloads it.
    assert history == [
        *((h, {0: 3}) for h in (1.0, 2.0, 3.0)),
        *((h, {0: 1, 1: 2}) for h in (4.0, 5.0, 6.0)),
    ]
    assert end.install_bytes == 50 + 500 + 1000
    assert end.download_bytes.tolist() == [2000, 1050, 500]
    assert end.installs == 1
    assert end.energy_j[1].tolist()[1:] == pytest.approx([0.5 + 10.0, 5.0])  # 1 W


def test_phones_that_nobody_selects_follow_the_newest_version(world):
    # Two of eight phones have text; all are eligible for 25 minutes of every hour.
    rows = [
        (p, h * HOUR + 60.0 * p, h * HOUR + 60.0 * p + 1500.0) for p in range(8) for h in range(12)
    ]
    first = np.array([0, 1, 2, *(2 for _ in range(6))])
    text = replace(world.one_row_each(2), first=first)
    population = world.population(8)
    often, history = run(
        world, population, world.windows(*rows), sync=SyncRules(1.0), hours=12, text=text
    )
    assert often.versions > 20
    assert often.installs == 6 * 11  # the first hour begins with version 0, which all have
    assert all(sum(h.values()) == 8 for _, h in history)
    assert [at_h for at_h, _ in history] == list(range(1, 13))
    # An hour's installs are of the version that was newest at its beginning.
    newest = [max(h) for _, h in history]
    assert all(max(h.values()) >= 6 for _, h in history[1:])
    assert newest == sorted(newest)
    daily, lagging = run(
        world, population, world.windows(*rows), sync=SyncRules(24.0), hours=12, text=text
    )
    assert daily.installs == 6
    assert sum(v * n for v, n in lagging[-1][1].items()) < sum(
        v * n for v, n in history[-1][1].items()
    )


def test_sync_changes_no_session(world):
    rows = [
        (p, h * HOUR + 60.0 * p, h * HOUR + 60.0 * p + 900.0) for p in range(6) for h in range(6)
    ]
    logs = []
    for sync in (None, SyncRules(2.0)):
        blocks = []
        run(world, world.population(6), world.windows(*rows), sync=sync, goal=2, log=blocks.append)
        logs.append(np.concatenate([block.ended_s for block in blocks]))
    np.testing.assert_array_equal(*logs)


def test_installs_count_towards_what_phones_and_runs_may_spend(world):
    rows = [
        (p, h * HOUR + 60.0 * p + 60.0, h * HOUR + 60.0 * p + 960.0)
        for p in range(6)
        for h in range(12)
    ]
    text = replace(world.one_row_each(1), first=np.array([0, *(1 for _ in range(6))]))

    def spend(**more):
        return run(
            world,
            world.population(6),
            world.windows(*rows),
            sync=SyncRules(1.0),
            hours=12,
            text=text,
            **more,
        )[0]

    free = spend()
    assert free.download_bytes.max() == 12_000  # phone 0 trains in each hour
    # The others install from the second hour on, and the last hour is not over before the end.
    assert set(free.download_bytes[1:].tolist()) <= {10_000, 11_000}
    tight = spend(allowance=AllowanceRules(mb_per_day=0.0045))
    assert tight.download_bytes[1:].tolist() == [4000] * 5
    stopped = spend(budgets={"downlink_mb_per_phone": 0.005})
    assert stopped.stop_reason == "budget:downlink_mb_per_phone"
    assert 5000 <= stopped.download_bytes.mean() < 7000
