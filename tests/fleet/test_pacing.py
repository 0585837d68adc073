"""When phones come back: the law of their waits, and what that makes of a whole fleet."""

import numpy as np
import pytest
from scipy import stats

from gboard_sim import seeds
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.pacing import PaceRules, Pacing
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms

SEED = 5
N = 20_000


def pacing(rules, *, wanted=10, eligible=N):
    made = Pacing(
        rules,
        wanted=wanted,
        eligible=lambda at_s: np.full(len(at_s), float(eligible)),
        seed=SEED,
    )
    made.first_s(np.zeros(1, dtype=np.int64))  # it learns how many are eligible
    return made


def back_s(rules, at_s, **options):
    return pacing(rules, **options).back_s(np.arange(N), np.ones(N, dtype=np.int32), at_s)


def test_a_window_is_kept_and_filled_evenly():
    at_s = np.linspace(0.0, 1e5, N)
    waits_s = back_s(PaceRules("window", (900.0, 3600.0)), at_s) - at_s
    assert waits_s.min() >= 900.0
    assert waits_s.max() <= 3600.0
    assert stats.kstest(waits_s, stats.uniform(900.0, 2700.0).cdf).pvalue > 1e-3
    again_s = pacing(PaceRules()).back_s(np.arange(N), np.full(N, 2, dtype=np.int32), at_s) - at_s
    assert abs(np.corrcoef(waits_s, again_s)[0, 1]) < 0.03  # a new draw for every call
    fixed_s = back_s(PaceRules("window", (50.0, 50.0)), at_s)
    assert fixed_s.tolist() == pytest.approx((at_s + 50.0).tolist())


def test_a_large_fleet_is_spread_so_that_as_many_call_as_are_wanted():
    # 20,000 phones are eligible, 10 are wanted every 100 s: a call each 200,000 s on average.
    rules = PaceRules("steered", (60.0, 120.0), round_s=100.0)
    waits_s = back_s(rules, np.zeros(N))
    assert waits_s.min() >= 60.0
    far = waits_s[waits_s > 60.0]
    assert stats.kstest(far, stats.uniform(60.0, 399_940.0).cdf).pvalue > 1e-3
    assert len(far) > 0.999 * N
    assert waits_s.mean() == pytest.approx(200_000.0, rel=0.02)


def test_the_first_calls_come_as_often_as_all_later_ones():
    # Calls of phones that begin with `first_s` and go on with U[0, s]: a renewal process that is
    # in balance from the start. Poisson-like counts of 1,000 for each tenth of s / 2.
    rules, s = PaceRules("steered", (0.001, 0.001), round_s=100.0), 400_000.0
    made = pacing(rules)
    at_s, calls = made.first_s(np.arange(N)), []
    assert stats.kstest(at_s / s, lambda x: 1.0 - (1.0 - x) ** 2).pvalue > 1e-3
    for nth in range(1, 12):
        calls.append(at_s)
        at_s = made.back_s(np.arange(N), np.full(N, nth, dtype=np.int32), at_s)
    counts, _ = np.histogram(np.concatenate(calls), bins=20, range=(0.0, 2 * s))
    assert at_s.min() > 2 * s
    assert counts == pytest.approx(np.full(20, N * 2 * 2 / 20), rel=0.06)


def test_a_small_fleet_is_told_to_meet():
    at_s = np.linspace(0.0, 50_000.0, N)
    rules = PaceRules("steered", (60.0, 120.0), meeting_s=900.0)
    met_s = back_s(rules, at_s, wanted=10, eligible=19.0)
    past_s = met_s % 900.0
    assert past_s.max() < 1.0  # all within a second of a multiple
    assert stats.kstest(past_s, "uniform").pvalue > 1e-3
    waits_s = met_s - at_s
    assert waits_s.min() >= 60.0
    assert waits_s.max() < 60.0 + 900.0 + 1.0
    apart_s = back_s(rules, at_s, wanted=10, eligible=20.0)
    assert (apart_s % 900.0 > 1.0).mean() > 0.99


def hourly_windows(phones, days, length_s=3599.0, seed=1):
    """Windows of an hour but a second, one after another, that begin when each phone likes."""
    rng = np.random.default_rng(seed)
    return [
        (phone, round(first_s + nth * 3600), round(first_s + nth * 3600 + length_s))
        for phone, first_s in enumerate(rng.uniform(1, 3600, phones))
        for nth in range(int(24 * days))
    ]


def fleet(world, rules, pace, rows, phones, days):
    log = []
    end = simulate(
        world.population(phones),
        rules,
        world.EveryKth(keeps_unsent=False),
        world.FixedSize(),
        world.Learner(world.one_row_each(phones)),
        parameters=1,
        flop_per_token=10.0,
        seed=SEED,
        days=days,
        terms=Terms(pace=pace),
        windows=world.windows(*rows),
        log=log.append,
    )
    return end, {n: np.concatenate([getattr(b, n) for b in log]) for n in ("phone", "began_s")}


def test_calls_come_at_the_rate_that_is_wanted(world):
    # All are always eligible, but for a second an hour, so that nobody waits for that. 1,500
    # phones, 10 wanted every 144 s: 6,000 calls a day. Waits of at least 60 s change the mean of
    # 21,600 s by 0.04 s; the standard deviation of the count is below that of a Poisson law: 1.3%.
    rows = hourly_windows(1500, 2)
    rules = RoundRules(goal=10, over_selection=1.0, deadline_s=100.0, minimum=5)
    pace = PaceRules("steered", (60.0, 60.0), round_s=144.0)
    first, _ = fleet(world, rules, pace, rows, 1500, 1.0)
    both, _ = fleet(world, rules, pace, rows, 1500, 2.0)
    assert first.checkins == pytest.approx(6000, rel=0.05)  # from the first day on
    assert both.checkins - first.checkins == pytest.approx(6000, rel=0.04)


def test_a_phone_calls_when_its_time_finds_it_eligible(world):
    # Sessions of 21 s that no bound keeps away, in windows that cover two thirds of the day. A time
    # that falls beside a window, or into the one of the session before, is drawn again.
    phones, days, wanted, round_s = 40, 3.0, 1, 900.0
    rows = hourly_windows(phones, days, length_s=2400.0)
    rules = BufferRules(goal=wanted, concurrency=phones)
    pace = PaceRules("steered", (60.0, 60.0), round_s=round_s)
    end, log = fleet(world, rules, pace, rows, phones, days)
    assert end.rejected == 0
    inside_s = sum(max(min(stop, 86_400) - start, 0) for _, start, stop in rows)
    spread_s = 2.0 * inside_s / 86_400 * round_s / wanted
    redrawn = 0
    for phone in range(phones):
        windows = [(start, stop) for p, start, stop in rows if p == phone]
        told_s = spread_s * (1.0 - np.sqrt(1.0 - seeds.uniforms(SEED, "first call", phone)))
        expected, nth, after_s = [], 0, 0.0
        while told_s < days * 86_400.0:
            if any(start >= after_s and start <= told_s < stop for start, stop in windows):
                expected.append(float(told_s))
                after_s = next(stop for start, stop in windows if start <= told_s < stop)
                draw = seeds.uniforms(SEED, "retry", phone, len(expected))
            else:
                draw = seeds.uniforms(SEED, "another call", phone, nth)
                nth += 1
            told_s += max(60.0, spread_s * float(draw))
        begun = np.sort(log["began_s"][log["phone"] == phone])
        assert begun == pytest.approx(expected, abs=1e-6)
        redrawn += nth
    assert redrawn > 50


def test_a_small_fleet_that_meets_fills_rounds_that_would_not_fill(world):
    # Forty phones with windows of 40 minutes, of which 24 are wanted at once; for 25 minutes after
    # each round the server turns all away, for up to two hours where they are not told to meet.
    rng = np.random.default_rng(3)
    rows, phones, days = [], 40, 1.0
    for phone in range(phones):
        at_s = rng.uniform(1, 2000)
        while at_s < days * 86400:
            rows.append((phone, round(at_s), round(at_s + 2400)))
            at_s += 2400 + rng.uniform(60, 1200)
    rules = RoundRules(goal=24, over_selection=1.0, deadline_s=60.0, minimum=24, interval_s=1500.0)
    meets = PaceRules("steered", (60.0, 7200.0), meeting_s=600.0)
    alone = PaceRules("window", (60.0, 7200.0))
    steered, _ = fleet(world, rules, meets, rows, phones, days)
    unsteered, _ = fleet(world, rules, alone, rows, phones, days)
    assert steered.versions > 1.5 * unsteered.versions > 15
