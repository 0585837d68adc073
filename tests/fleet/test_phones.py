"""Windows that last: a phone that stays eligible lives through one window after another."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.fleet.trace import TraceWindows, read_trace

ONE_BY_ONE = RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1)
HOUR, DAY = 3600.0, 86400.0


def run(world, windows, *, phones=1, days=1.0, k=1, text=None, retry_s=(50.0, 50.0), **terms):
    """Sessions of 21 s (10 s of download, 10 s of training, 1 s of upload), one at a time."""
    log = []
    end = simulate(
        world.population(phones),
        ONE_BY_ONE,
        world.EveryKth(k=k),
        world.FixedSize(),
        world.Learner(text or world.one_row_each(phones)),
        parameters=1,
        flop_per_token=10.0,
        seed=1,
        days=days,
        terms=Terms(pace=PaceRules(retry_s=retry_s), **terms),
        windows=windows,
        log=log.append,
    )
    columns = ("phone", "shape", "began_s")
    rows = [
        row
        for block in log
        for row in zip(*(getattr(block, name).tolist() for name in columns), strict=True)
    ]
    return end, rows


def began_s(rows):
    return [at_s for *_, at_s in rows]


def test_a_phone_that_stays_eligible_takes_part_once_a_day_as_one_that_charges_every_night(world):
    always = world.windows((0, 100, 5 * DAY))
    _, rows = run(world, always, days=5.0)
    assert rows == [(0, "-v[]+^", 100.0 + day * DAY) for day in range(5)]
    nightly = world.windows(*((0, 100 + day * DAY, 9000 + day * DAY) for day in range(5)))
    assert run(world, nightly, days=5.0)[1] == rows


def test_the_experiment_says_how_soon_it_may_take_part_again(world):
    _, rows = run(world, world.windows((0, 100, 9000)), again_s=HOUR)
    assert began_s(rows) == [100.0, 3700.0, 7300.0]
    # A session that outlasts the time between two of them delays the next.
    _, rows = run(world, world.windows((0, 100, 170)), again_s=10.0)
    assert began_s(rows) == [100.0, 121.0, 142.0, 163.0]
    _, rows = run(world, world.windows((0, 100, 170)), again_s=30.0)
    assert began_s(rows) == [100.0, 130.0, 160.0]


def test_its_calls_keep_to_the_separation_and_cross_into_the_next_part_of_the_window(world):
    # Turned away at 3700, it is told 5521, an hour and a half after the end of its first session;
    # at 7300 it is told 10942, when an hour since 7300 has gone by; 14542 comes too early again.
    rules = AdmissionRules(separation_h=1.5)
    end, rows = run(world, world.windows((0, 100, 17000)), again_s=HOUR, admission=rules)
    assert began_s(rows) == [100.0, 5521.0, 10942.0, 16363.0]
    assert (end.checkins, end.rejected, end.turned_away) == (7, 3, 3)


def test_each_part_is_a_window_of_the_schedule(world):
    _, rows = run(world, world.windows((0, 100, 14000)), again_s=HOUR, k=2)
    assert rows == [
        (0, "v[]", 100.0), (0, "-[]+^", 3700.0), (0, "v[]", 7300.0), (0, "-[]+^", 10900.0),
    ]  # fmt: skip


def test_text_that_comes_after_a_window_began_is_found_when_it_counts_as_another(world):
    text = replace(world.one_row_each(1), time_s=np.array([2 * DAY]))
    _, rows = run(world, world.windows((0, 100, 5 * DAY)), days=5.0, text=text)
    assert began_s(rows) == [100.0 + day * DAY for day in (2, 3, 4)]


@pytest.mark.parametrize("again_h", [0.5, 6.0, 24.0])
def test_a_trace_of_phones_that_never_leave_keeps_them_at_work(world, tmp_path, again_h):
    # Thirty phones of a day's trace that repeats: each is back after so many hours, but for the
    # wait of up to a minute for the round under way and what that adds up to.
    file = tmp_path / "always.csv"
    lines = [f"{phone},0,86400,eligible" for phone in range(30)]
    file.write_text("\n".join(["phone,start_s,end_s,signals", *lines]) + "\n")
    windows = TraceWindows(read_trace(file), 30)
    end, rows = run(
        world, windows, phones=30, days=3.0, again_s=again_h * HOUR, retry_s=(10.0, 60.0)
    )
    each = np.bincount([phone for phone, *_ in rows], minlength=30)
    most = 72.0 / again_h
    assert each.max() <= most
    assert each.min() >= min(most, 72 * HOUR / (again_h * HOUR + 21 * 30 + 60)) - 1
    assert end.rejected > 0
