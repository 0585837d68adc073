"""Rounds whose phones a secret coin draws: nobody takes the place of one that is away."""

import numpy as np
import pytest

from gboard_sim import seeds
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms

PHONES, Q = 200, 0.3
RULES = RoundRules(
    goal=60, over_selection=1.0, deadline_s=200.0, selection_timeout_s=600.0, sampled=Q
)
HOURS = 12


def run(world, *, seed=1, away=(), rules=RULES):
    """A fleet eligible in the first half of every hour but for the phones that are away."""
    windows = [
        (phone, 3600 * hour, 3600 * hour + 1800)
        for phone in range(PHONES)
        if phone not in away
        for hour in range(HOURS)
    ]
    learner = world.Learner(world.one_row_each(PHONES))
    end = simulate(
        world.population(PHONES), rules, world.EveryKth(k=1), world.FixedSize(), learner,
        seed=seed, days=HOURS / 24, parameters=1, flop_per_token=10.0,
        terms=Terms(pace=PaceRules(retry_s=(50.0, 50.0))), windows=world.windows(*windows),
    )  # fmt: skip
    return end, learner.cohorts


def coin(phone, number, seed=1):
    return seeds.uniforms(seed, "coin", np.asarray(phone), number) < Q


def phones_of(cohort):
    return {upload.phone for upload in cohort.uploads}


def test_exactly_those_take_part_whom_the_coin_drew_and_who_are_there(world):
    _, cohorts = run(world, away={3, 50, 51, 52})
    there = np.setdiff1d(np.arange(PHONES), [3, 50, 51, 52])
    assert phones_of(cohorts[0]) == set(there[coin(there, 1)].tolist())
    # In the same window nobody takes part twice, whatever the coin says.
    free = np.setdiff1d(there, list(phones_of(cohorts[0])))
    assert phones_of(cohorts[1]) == set(free[coin(free, 2)].tolist())


def test_a_drawn_phone_that_is_away_is_replaced_by_nobody(world):
    _, cohorts = run(world)
    drawn = sorted(phones_of(cohorts[0]))
    _, without = run(world, away=set(drawn[:10]))
    assert phones_of(without[0]) == set(drawn[10:])


def test_the_times_of_versions_say_nothing_of_the_coins(world):
    times = [[c.closed_s for c in run(world, seed=seed)[1]] for seed in (1, 2)]
    assert times[0] == times[1] == [c.closed_s for c in run(world, away=set(range(190)))[1]]
    assert len(times[0]) > 40


def test_rounds_that_reach_nobody_make_a_version_all_the_same(world):
    end, cohorts = run(world)
    assert {len(cohort.uploads) == 0 for cohort in cohorts} == {True, False}
    assert (end.versions, end.abandoned) == (len(cohorts), 0)
    assert end.participations.sum() == sum(len(cohort.uploads) for cohort in cohorts)


def test_coins_fall_as_often_as_they_should():
    thrown = np.array([coin(np.arange(PHONES), number) for number in range(1, 501)])
    assert thrown.mean() == pytest.approx(Q, abs=5 * (Q * (1 - Q) / thrown.size) ** 0.5)
    apart = np.corrcoef(thrown[:-1].ravel(), thrown[1:].ravel())[0, 1]
    assert abs(apart) < 5 / thrown.size**0.5
