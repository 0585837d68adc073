"""The same seed gives the same event log, however a run is cut into stretches."""

from dataclasses import replace
from hashlib import blake2b

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.allowance import AllowanceRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.choice import ChoiceRules
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.habits import HabitWindows
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.seam.records import LocalWork, Outcome, Sessions
from gboard_sim.seam.typing_record import Typing

PHONES, DAYS = 120, 1.0
ROUNDS = RoundRules(goal=4, minimum=2, deadline_s=120.0, selection_timeout_s=1800.0)
BUFFER = BufferRules(goal=4, concurrency=5, max_staleness=3)
EVALUATION = EvaluationRules(every=4, goal=3, deadline_s=120.0, selection_timeout_s=900.0)
CASES = {
    "rounds": (ROUNDS, Terms()),
    "buffered": (BUFFER, Terms()),
    "steered": (ROUNDS, Terms(pace=PaceRules("steered", round_s=600.0))),
    "steered to meet": (replace(ROUNDS, goal=30), Terms(pace=PaceRules("steered"))),
    "uniform": (ROUNDS, Terms(choice=ChoiceRules("uniform"))),
    "longest waiting": (ROUNDS, Terms(choice=ChoiceRules("longest_waiting"))),
    "utility": (ROUNDS, Terms(choice=ChoiceRules("utility"))),
    "evaluation": (ROUNDS, Terms(evaluation=EVALUATION)),
    "all that buffers take": (
        BUFFER,
        Terms(
            AdmissionRules(separation_versions=3, separation_h=1.0, max_participations=4),
            AllowanceRules(mb_per_day=40.0, j_per_month=2000.0),
            PaceRules("steered", round_s=150.0),
            evaluation=EVALUATION,
            session_timeout_s=90.0,
            pauses=True,
        ),
    ),
}


@pytest.fixture(scope="module")
def phones():
    mix = load_fleet("default", catalogue.read)
    made = populate(mix, PHONES, 7)
    rng = np.random.default_rng(7)
    counts = rng.integers(0, 30, PHONES)
    first = np.concatenate([[0], np.cumsum(counts)])
    times = np.concatenate([np.sort(rng.uniform(-40000, 80000, n)) for n in counts]).clip(0.0)
    held_out = rng.integers(0, 60, PHONES)
    return made, Typing(first, times, rng.integers(1, 30, len(times)), 20, 50000.0, held_out)


class Digest:
    """A hash of every session and cohort in order, whatever blocks they come in."""

    def __init__(self):
        self.rows, self.cohorts = [], []

    def __str__(self):
        told = blake2b()
        for name in Sessions.__dataclass_fields__:
            column = np.concatenate([getattr(block, name) for block in self.rows])
            told.update(f"{name} {column.dtype.kind}".encode())
            told.update(
                np.ascontiguousarray(column.astype("U32") if column.dtype.kind == "U" else column)
            )
        told.update(repr(self.cohorts).encode())
        return told.hexdigest()


def digest(world, phones, case, seed=7, **options):
    rules, terms = CASES[case]
    made, text = phones
    learner = world.Learner(text, model_bytes=5_000_000)
    if terms.choice.selector == "utility":
        learner.answers = frozenset({"utility"})
        learner.outcome = lambda version: Outcome(
            version, utility={u.phone: 1.0 + u.phone % 7 for u in learner.cohorts[-1].uploads}
        )
    found = Digest()
    found.end = simulate(
        made,
        rules,
        world.EveryKth(k=2, max_age=20, works=(LocalWork(1, None, 8, 0.1),) * 3),
        world.FixedSize(5_000_000),
        learner,
        parameters=1,
        flop_per_token=8.5e6,
        seed=seed,
        days=DAYS,
        terms=terms,
        windows=HabitWindows(made, seed, threads=options.pop("threads", None)),
        log=found.rows.append,
        **options,
    )
    found.cohorts = learner.cohorts
    return found


@pytest.mark.parametrize("case", CASES)
def test_neither_stretches_nor_lookahead_nor_threads_change_the_event_log(world, phones, case):
    one = digest(world, phones, case)
    assert one.end.versions >= 3
    assert one.end.evaluations > 0 or CASES[case][1].evaluation is None
    for options in (
        {"stretch_s": 13.0},
        {"stretch_s": 1e6, "lookahead": 0, "threads": 1},
        {"stretch_s": 3600.0, "lookahead": 1},
    ):
        assert str(digest(world, phones, case, **options)) == str(one), options


def test_another_seed_gives_another_event_log(world, phones):
    logs = {str(digest(world, phones, "rounds", seed)) for seed in range(3)}
    assert len(logs) == 3
