"""The fleet against a slow simulation of the same rules, one phone and one event at a time.

The reference shares the draws with the package and nothing else: it has its own loop, its own
pricing and its own bookkeeping, in plain Python.
"""

import numpy as np
import pytest

from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from tests.fleet.reference import (
    ACT,
    CLOSE,
    LEAVE,
    TIMEOUT,
    ReferencePhones,
    agree,
    random_world,
)

SEED = 3
RETRY_S = (60.0, 400.0)


class Reference(ReferencePhones):
    """One run of rounds, event by event."""

    def __init__(self, *phones, rules, **settings):
        super().__init__(*phones, **settings)
        self.rules = rules
        self.held, self.opened_s, self.full, self.target = [], 0.0, False, rules.selected
        self.closes_s = None

    def run(self):
        self.push(self.rules.selection_timeout_s, TIMEOUT, self.opened_s)
        while self.queue:
            at_s, kind, *what = self.pop_event()
            if at_s >= self.end_s and self.closes_s is None:
                break
            if kind == CLOSE:
                self.closes_s = None
                self.version += what[0]
                for phone, ended_s in what[1]:
                    self.free(phone, max(at_s, ended_s))
            elif kind == TIMEOUT:
                if what[0] == self.opened_s and not self.full:
                    self.target = self.rules.minimum
            elif kind == LEAVE:
                self.leave(at_s, *what)
            elif kind == ACT and at_s < self.end_s:
                self.act(at_s, *what)
            if at_s < self.end_s:
                self.select(at_s)
        return self

    def accepts(self, at_s, phone, window_end_s):
        if self.full:
            return False
        self.held.append((phone, at_s, window_end_s, self.version))
        self.push(window_end_s, LEAVE, phone, at_s)
        return True

    def leave(self, at_s, phone, called_s):
        for row in self.held:
            if row[0] == phone and row[1] == called_s:
                self.held.remove(row)
                self.note(phone, "-!", called_s, at_s, row[3], 0, 0, 0, -1)
                self.free(phone, at_s)
                return

    def select(self, at_s):
        if not self.full and len(self.held) >= self.target:
            self.full = True
        if self.full and self.closes_s is None:
            if len(self.held) >= self.rules.minimum:
                self.configure(at_s)
            else:
                self.full, self.target = False, self.rules.selected
                if at_s >= self.opened_s + self.rules.selection_timeout_s:
                    self.target = self.rules.minimum
                self.select(at_s)

    def configure(self, at_s):
        runs = []
        for phone, called_s, window_end_s, _ in sorted(self.held):
            runs.append((phone, *self.session(phone, called_s, at_s, window_end_s, True)))
        arrivals = sorted(
            (end_s, phone)
            for phone, end_s, arrived, _ in runs
            if arrived and end_s <= at_s + self.rules.deadline_s
        )
        used, self.closes_s = set(), at_s + self.rules.deadline_s
        if len(arrivals) >= self.rules.goal:
            used = {phone for _, phone in arrivals[: self.rules.goal]}
            self.closes_s = arrivals[self.rules.goal - 1][0]
        elif len(arrivals) >= self.rules.minimum:
            used = {phone for _, phone in arrivals}
        for phone, _, _, finish in runs:
            finish(self.version + 1 if phone in used else -1)
        ends = tuple((phone, end_s) for phone, end_s, _, _ in runs)
        self.push(self.closes_s, CLOSE, int(bool(used)), ends)
        self.held, self.full, self.opened_s = [], False, at_s
        self.target = self.rules.selected
        self.push(at_s + self.rules.selection_timeout_s, TIMEOUT, at_s)


@pytest.mark.parametrize("case", range(12))
def test_the_fleet_agrees_with_an_event_by_event_reference(world, case):
    rng = np.random.default_rng(case)
    phones, days = 60, 0.5
    population, text, works, windows = random_world(world, rng, phones, days)
    rules = RoundRules(
        goal=4,
        over_selection=[1.0, 1.3, 2.0][case % 3],
        deadline_s=150.0,
        minimum=2,
        selection_timeout_s=900.0,
    )
    schedule = world.EveryKth(
        k=[1, 2, 3][case % 3],
        keeps_unsent=case % 4 != 0,
        max_age=[None, 3, 0, 10][case % 4],
        works=works,
    )
    cap = [None, None, 5][case // 4]
    again_s = [np.inf, 70.0, 400.0][case // 2 % 3]
    expected = Reference(
        population,
        windows,
        text,
        schedule,
        rules=rules,
        days=days,
        cap=cap,
        seed=SEED,
        retry_s=RETRY_S,
        again_s=again_s,
    ).run()
    blocks = []
    end = simulate(
        population,
        rules,
        schedule,
        world.FixedSize(),
        world.Learner(text),
        parameters=1,
        flop_per_token=10.0,
        seed=SEED,
        days=days,
        terms=Terms(
            AdmissionRules(max_uploads=cap), pace=PaceRules(retry_s=RETRY_S), again_s=again_s
        ),
        log=blocks.append,
        windows=world.windows(*((p, *w) for p, mine in enumerate(windows) for w in mine)),
    )
    assert end.versions == expected.version > 3
    assert (end.rejected, end.cycles_abandoned) == (expected.rejected, expected.abandoned_cycles)
    agree(blocks, end, expected, 300)
