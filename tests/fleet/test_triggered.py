"""Phones that look at their update before they send it, worked out by hand."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.seam.records import LocalWork, Measure

RULES = RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1)
WINDOWS = [(0, 100, 200), (0, 1000, 1100), (0, 2000, 2100), (0, 3000, 3010.5), (0, 4000, 4100)]


@dataclass
class FromTwo:
    """Sends what is longer than 1.5."""

    keeps_unsent: bool = True
    max_age: int | None = None
    name: str = "from_two"
    rests: bool = False
    rebases: bool = False
    looks_at: str = "norm"
    asked: list = field(default_factory=list)

    def uploads(self, stints):
        return np.ones(len(stints), dtype=bool)

    def sends(self, version, base, stints, found):
        assert (base == version).all()
        self.asked.append((version, stints.tolist(), found.tolist()))
        return found > 1.5

    def local(self, version):
        return (LocalWork(1, None, 1, 0.1),)


def run(world, schedule, codec, **options):
    """One phone that downloads and trains in 10 s each and uploads in 1 s or what is measured."""
    learner = world.Learner(world.one_row_each(1), **options)
    measured = []

    def measure(attempt):
        measured.append(attempt)
        return Measure(payload_bytes=200, norm=float(len(attempt.stints)))

    learner.measure = measure
    blocks = []
    simulate(
        world.population(1), RULES, schedule, codec, learner, seed=1, days=1.0, parameters=1,
        flop_per_token=10.0, terms=Terms(pace=PaceRules(retry_s=(50.0, 50.0))),
        windows=world.windows(*WINDOWS), log=blocks.append,
    )  # fmt: skip
    names = ("shape", "began_s", "ended_s", "upload_bytes", "used_in")
    rows = [row for b in blocks for row in zip(*(getattr(b, n).tolist() for n in names),
            strict=True)]  # fmt: skip
    return rows, learner, measured


@pytest.mark.parametrize("size", ["fixed", "measured"])
def test_a_silent_phone_keeps_its_training_and_a_broken_upload_is_not_judged_again(world, size):
    schedule = FromTwo()
    answers = {"send", "bytes"} if size == "measured" else {"send"}
    rows, learner, measured = run(
        world, schedule, world.FixedSize(size=size), answers=frozenset(answers)
    )
    payload = 200 if size == "measured" else 100
    took_s = payload / 100.0
    assert rows == [
        ("-v[]", 100.0, 120.0, 0, -1),  # norm 1: silent
        ("-[]+^", 1000.0, 1010.0 + took_s, payload, 1),  # two stints
        ("-v[]", 2000.0, 2020.0, 0, -1),  # a new cycle from version 1
        ("-[]+!", 3000.0, 3010.5, 50, -1),  # sends, and the window ends
        ("-+^", 4000.0, 4000.0 + took_s, payload, 2),  # what it sent before, without training
    ]
    assert schedule.asked == [(0, [1], [1.0]), (0, [2], [2.0]), (1, [1], [1.0]), (1, [2], [2.0])]
    again = [4] if size == "measured" else []
    assert [attempt.session for attempt in measured] == [0, 1, 2, 3, *again]
    assert [attempt.session for attempt in learner.expected] == [0, 1, 2, 3, *again]
    first, second = learner.cohorts
    assert [(stint.nth, stint.version) for stint in first.uploads[0].stints] == [(0, 0), (1, 0)]
    assert [(stint.nth, stint.version) for stint in second.uploads[0].stints] == [(2, 1), (3, 1)]
    # What nobody used by a close goes with it; the silent sessions of abandoned rounds wait for it.
    lost = [(d.session, d.shape) for c in learner.cohorts for d in c.dropouts]
    assert lost == [(0, "-v[]"), (2, "-v[]"), (3, "-[]+!")]


def test_a_learner_that_knows_no_norm_has_every_phone_send(world):
    rows, _, measured = run(world, FromTwo(), world.FixedSize())
    assert [row[0] for row in rows][:2] == ["-v[]+^", "-v[]+^"]
    assert measured == []


def test_a_silent_cycle_that_is_too_old_starts_over(world):
    schedule = FromTwo(max_age=0)
    schedule.sends = lambda version, base, stints, found: found > 10.0
    learner = world.Learner(world.one_row_each(2), answers=frozenset({"send"}))
    learner.measure = lambda attempt: Measure(norm=100.0 * attempt.phone)
    blocks = []
    end = simulate(
        world.population(2), RULES, schedule, world.FixedSize(), learner, seed=1, days=1.0,
        parameters=1, flop_per_token=10.0, terms=Terms(pace=PaceRules(retry_s=(50.0, 50.0))),
        windows=world.windows((0, 100, 200), (0, 1000, 1100), (1, 1500, 1600), (0, 2000, 2100)),
        log=blocks.append,
    )  # fmt: skip
    rows = [row for b in blocks for row in zip(b.phone.tolist(), b.shape.tolist(),
            b.base.tolist(), strict=True)]  # fmt: skip
    # Nothing ages before phone 1 makes version 1; then phone 0's base is one version too old.
    assert rows == [(0, "-v[]", 0), (0, "-[]", 0), (1, "-v[]+^", 0), (0, "-v[]", 1)]
    assert end.cycles_abandoned == 1
