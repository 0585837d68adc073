"""Buffers worked out in arrays against buffers of one session after another, to the bit."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.continuous_sync import SyncRules
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.seam.records import Sessions
from tests.fleet.reference import random_world

PHONES, DAYS = 30, 0.2


def run(world, rules, case, *, k=1, keeps=True, max_age=None, budgets=None, windows=None, **terms):
    """All that a run leaves: sessions, cohorts, installs and totals."""
    rng = np.random.default_rng(case)
    population, text, works, drawn = random_world(world, rng, PHONES, DAYS)
    text = replace(text, held_out=rng.integers(0, 40, PHONES))
    terms = {"pace": PaceRules(retry_s=(60.0, 400.0)), **terms}
    blocks, installed, learner = [], [], world.Learner(text)
    end = simulate(
        population,
        rules,
        world.EveryKth(k=k, keeps_unsent=keeps, max_age=max_age, works=works),
        world.FixedSize(),
        learner,
        parameters=1,
        flop_per_token=10.0,
        seed=case,
        days=DAYS,
        budgets=budgets,
        terms=Terms(**terms),
        windows=windows or world.windows(*((p, *w) for p, m in enumerate(drawn) for w in m)),
        log=blocks.append,
        log_installed=lambda at_s, version, phones: installed.append(
            (at_s, np.asarray(version).tolist(), np.asarray(phones).tolist())
        ),
    )
    table = {
        name: np.concatenate([getattr(block, name) for block in blocks]).tolist()
        for name in Sessions.__dataclass_fields__
    }
    totals = [np.asarray(value).tolist() for value in astuple(end)]
    return table, learner.cohorts, installed, totals


BUFFER = BufferRules(goal=4, concurrency=6)
CASES = {
    "a buffer": (BUFFER, {}),
    "a place for every phone": (BufferRules(goal=7, concurrency=30), {}),
    "one at a time": (BufferRules(goal=3, concurrency=1), {}),
    "no staleness": (replace(BUFFER, concurrency=20, max_staleness=0), {}),
    "a version of every upload": (BufferRules(goal=1, concurrency=9, max_staleness=2), {}),
    "windows without a check-in": (BUFFER, {"k": 3}),
    "cycles that start over": (replace(BUFFER, concurrency=2), {"k": 2, "max_age": 1}),
    "nothing is kept": (BUFFER, {"k": 2, "keeps": False}),
    "bounds": (BUFFER, {"admission": AdmissionRules(3, 0.5, max_participations=3)}),
    "long windows": (BUFFER, {"again_s": 70.0}),
    "pauses": (BUFFER, {"pauses": True, "session_timeout_s": 900.0}),
    "steered": (BUFFER, {"pace": PaceRules("steered", round_s=150.0)}),
    "evaluations": (BUFFER, {"evaluation": EvaluationRules(every=3, goal=4, deadline_s=90.0)}),
    "installs": (BUFFER, {"sync": SyncRules(every_h=2.0)}),
    "a budget": (BUFFER, {"budgets": {"uplink_mb_per_phone": 2e-4}}),
}


@pytest.mark.parametrize("name", CASES)
def test_both_make_the_same_run(world, monkeypatch, name):
    rules, more = CASES[name]
    in_arrays = run(world, rules, 5, **more)
    monkeypatch.setattr(FlightDesk, "foresees", False)
    assert run(world, rules, 5, **more) == in_arrays
    assert len(in_arrays[1]) > 3


def test_phones_that_all_come_at_one_instant_are_taken_in_their_order(world, monkeypatch):
    same = [(p, at_s, at_s + 200) for p in range(PHONES) for at_s in range(100, 9000, 1000)]
    options = {"windows": world.windows(*same), "pace": PaceRules(retry_s=(50.0, 50.0))}
    for k in (1, 2):
        in_arrays = run(world, replace(BUFFER, concurrency=3), 3, k=k, **options)
        with monkeypatch.context() as patch:
            patch.setattr(FlightDesk, "foresees", False)
            one_by_one = run(world, replace(BUFFER, concurrency=3), 3, k=k, **options)
        assert in_arrays == one_by_one
        table = in_arrays[0]
        at_work = [
            sum(b <= at_s < e for b, e in zip(table["began_s"], table["ended_s"], strict=True))
            for at_s, shape in zip(table["began_s"], table["shape"], strict=True)
            if shape[0] == "-"
        ]
        assert k == 2 or max(at_work) == 3
