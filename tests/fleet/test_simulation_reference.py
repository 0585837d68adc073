"""The fleet against a slow simulation of the same rules, one phone and one event at a time.

The reference shares the draws with the package and nothing else: it has its own loop, its own
pricing and its own bookkeeping, in plain Python.
"""

import heapq
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gboard_sim import seeds
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.records import LocalWork, Typing

SEED = 3
RETRY_S = (60.0, 400.0)
DRAWS = ("failure", "failure/when")
CLOSE, TIMEOUT, LEAVE, ACT = range(4)  # order of events that fall on one instant


class Reference:
    """One run, event by event."""

    def __init__(self, world, population, windows, text, rules, schedule, days, cap):
        self.pop, self.text, self.rules, self.schedule = population, text, rules, schedule
        self.end_s, self.cap = days * 86400.0, cap
        self.windows = windows
        self.phones = [
            {
                "base": None,
                "stints": 0,
                "done": False,
                "retry": False,
                "calls": 0,
                "sessions": 0,
                "payloads": 0,
                "window": -1,
            }
            for _ in windows
        ]
        self.version, self.log, self.queue = 0, [], []
        self.held, self.opened_s, self.full, self.target = [], 0.0, False, rules.selected
        self.closes_s = None
        self.abandoned_cycles = self.rejected = 0

    def push(self, at_s, kind, *what):
        heapq.heappush(self.queue, (at_s, kind, *what))

    def run(self):
        for phone in range(len(self.windows)):
            self.next_window(phone)
        self.push(self.rules.selection_timeout_s, TIMEOUT, self.opened_s)
        while self.queue:
            at_s, kind, *what = heapq.heappop(self.queue)
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
            elif at_s < self.end_s:
                self.act(at_s, *what)
            if at_s < self.end_s:
                self.select(at_s)
        return self

    def next_window(self, phone):
        state = self.phones[phone]
        state["window"] += 1
        if state["window"] < len(self.windows[phone]):
            self.push(self.windows[phone][state["window"]][0], ACT, phone, True)

    def leave(self, at_s, phone, called_s):
        for row in self.held:
            if row[0] == phone and row[1] == called_s:
                self.held.remove(row)
                self.note(phone, "-!", called_s, at_s, row[3], 0, 0, 0, -1)
                self.free(phone, at_s)
                return

    def free(self, phone, at_s):
        """The phone goes on to the first later window that has not ended."""
        state = self.phones[phone]
        state["window"] += 1
        while state["window"] < len(self.windows[phone]):
            start_s, end_s = self.windows[phone][state["window"]]
            if end_s > at_s:
                self.push(max(start_s, at_s), ACT, phone, True)
                return
            state["window"] += 1

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

    def act(self, at_s, phone, fresh):
        state = self.phones[phone]
        window_end_s = self.windows[phone][state["window"]][1]
        if self.cap is not None and state["payloads"] >= self.cap:
            return
        if fresh:
            if state["retry"]:
                old = (
                    self.schedule.max_age is not None
                    and state["base"] is not None
                    and self.version - state["base"] > self.schedule.max_age
                )
                if not self.schedule.keeps_unsent or old:
                    self.abandoned_cycles += self.schedule.keeps_unsent
                    state.update(base=None, stints=0, done=False, retry=False)
            if not state["done"] and not self.rows(phone, at_s, 10**9):
                self.next_window(phone)
                return
            if not state["done"] and not self.schedule.uploads(np.array([state["stints"]]))[0]:
                self.session(phone, at_s, at_s, window_end_s, False)
                self.next_window(phone)
                return
        state["calls"] += 1
        state["retry"] = True
        if not self.full:
            self.held.append((phone, at_s, window_end_s, self.version))
            self.push(window_end_s, LEAVE, phone, at_s)
            return
        self.rejected += 1
        low_s, high_s = RETRY_S
        back_s = (
            at_s
            + low_s
            + (high_s - low_s) * float(seeds.uniforms(SEED, "retry", phone, state["calls"]))
        )
        if back_s < window_end_s:
            self.push(back_s, ACT, phone, False)
        else:
            self.next_window(phone)

    def rows(self, phone, at_s, cap):
        first, last = self.text.first[phone], self.text.first[phone + 1]
        typed = [r for r in range(first, last) if self.text.time_s[r] <= at_s]
        fresh = [r for r in typed if self.text.time_s[r] > at_s - self.text.expiry_s]
        return fresh[-min(cap, self.text.cache_rows) :]

    def fate(self, phone):
        """What goes wrong in each phase of the phone's next session, and when."""
        nth = self.phones[phone]["sessions"]
        return [
            [float(seeds.uniforms(SEED, name, phone, nth, phase)) for name in DRAWS]
            for phase in range(3)
        ]

    def session(self, phone, called_s, start_s, window_end_s, uploads):
        """Runs a session to its end; gives when and whether its upload arrived, and a finisher."""
        state, pop = self.phones[phone], self.pop
        fate = self.fate(phone)
        odds = [pop.failure_share[phone], pop.crash_share[phone], pop.failure_share[phone]]
        shape, now_s, got, sent, computed = "-" * uploads, start_s, 0, 0, 0
        base = self.version if state["base"] is None else state["base"]
        work = self.schedule.local(base)[pop.phone_class[phone]]
        downloaded, trained, arrived, mark = False, False, False, ""

        def phase(number, length_s, whole):
            """Time and amount of one phase, and what ended it."""
            nonlocal now_s
            share, mark = 1.0, ""
            if fate[number][0] < odds[number]:
                share, mark = fate[number][1], "*"
            if now_s + share * length_s > window_end_s:
                share, mark = (window_end_s - now_s) / length_s, "!"
                now_s = window_end_s
            else:
                now_s += share * length_s
            return (whole if not mark else int(share * whole)), mark

        if state["base"] is None:
            shape += "v"
            got, mark = phase(0, 1000 / pop.down_bytes_per_s[phone], 1000)
            downloaded = not mark
        if not mark and not state["done"]:
            rows = self.rows(phone, now_s, work.cap or 10**9)
            tokens = sum(int(self.text.tokens[r]) for r in rows)
            drawn = (work.steps or 0) * work.batch_size * tokens / len(rows)
            tokens = round(drawn) if work.steps else work.epochs * tokens
            shape += "["
            computed, mark = phase(1, tokens * 10.0 / pop.flop_per_s[phone], tokens)
            trained = not mark
            shape += "]" * trained
        if not mark and uploads:
            shape += "+"
            sent, mark = phase(2, 100 / pop.up_bytes_per_s[phone], 100)
            arrived = not mark

        def finish(used_in):
            ending = mark or ("" if not uploads else "^" if used_in >= 0 else "#")
            self.note(phone, shape + ending, called_s, now_s, base, got, sent, computed, used_in)
            state["sessions"] += 1
            state["payloads"] += sent > 0
            if used_in >= 0 or (uploads and not self.schedule.keeps_unsent):
                state.update(base=None, stints=0, done=False, retry=False)
                return
            if downloaded:
                state["base"] = base
            state["stints"] += trained
            if uploads:
                state["done"] = state["done"] or trained

        if not uploads:
            finish(-1)
        return now_s, arrived, finish

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

    def note(self, phone, shape, began_s, ended_s, base, got, sent, tokens, used_in):
        self.log.append((phone, shape, began_s, ended_s, base, got, sent, tokens, used_in))


def random_windows(rng, phones, days):
    """Windows between 20 s and 20 min with gaps, multiples of 1/1024 s; some phones have none."""
    found = []
    for _ in range(phones):
        at_s, mine = 1.0 + rng.uniform(0, 2000), []
        while at_s < days * 86400.0 and rng.uniform() > 0.02:
            end_s = at_s + rng.choice([20.0, 60.0, 300.0, 1200.0]) * rng.uniform(0.5, 1.5)
            mine.append((round(at_s * 1024) / 1024, round(end_s * 1024) / 1024))
            at_s = end_s + rng.uniform(5.0, 2500.0)
        found.append(mine)
    return found


@pytest.mark.parametrize("case", range(12))
def test_the_fleet_agrees_with_an_event_by_event_reference(world, case):
    rng = np.random.default_rng(case)
    phones, days = 60, 0.5
    population = replace(
        world.population(phones, breaks=0.05, crashes=0.05),
        phone_class=rng.integers(0, 2, phones),
        flop_per_s=rng.lognormal(2.0, 0.7, phones),
        down_bytes_per_s=rng.lognormal(4.0, 0.7, phones),
        up_bytes_per_s=rng.lognormal(3.0, 0.7, phones),
    )
    counts = rng.integers(0, 6, phones)
    first = np.concatenate([[0], np.cumsum(counts)])
    times = np.concatenate([np.sort(rng.uniform(0, 20000, n)) for n in counts])
    times[rng.uniform(size=len(times)) < 0.5] = 0.0
    times = np.concatenate([np.sort(times[a:b]) for a, b in pairwise(first)])
    text = Typing(first, times, rng.integers(1, 30, len(times)), 4, float("inf"))
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
        works=(LocalWork(2, None, 4, 0.1, 3), LocalWork(None, 3, 2, 0.1)),
    )
    cap = [None, None, 5][case // 4]
    windows = random_windows(rng, phones, days)
    expected = Reference(world, population, windows, text, rules, schedule, days, cap).run()
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
        terms=Terms(AdmissionRules(max_uploads=cap), pace=PaceRules(retry_s=RETRY_S)),
        log=blocks.append,
        windows=world.windows(*((p, *w) for p, mine in enumerate(windows) for w in mine)),
    )
    names = (
        "phone",
        "shape",
        "began_s",
        "ended_s",
        "base",
        "download_bytes",
        "upload_bytes",
        "tokens",
        "used_in",
    )
    rows = [
        row
        for block in blocks
        for row in zip(*(getattr(block, name).tolist() for name in names), strict=True)
    ]
    assert end.versions == expected.version > 3
    assert (end.rejected, end.cycles_abandoned) == (expected.rejected, expected.abandoned_cycles)
    held_at_the_end = [row for row in rows if row[1] == "-!" and row[3] == end.ended_s]
    rows = [row for row in rows if row not in held_at_the_end]
    theirs = [row for row in expected.log if row[3] != end.ended_s or row[1] != "-!"]
    assert len(rows) == len(theirs) > 300
    for mine, other in zip(sorted(rows), sorted(theirs), strict=True):
        assert mine[:2] == other[:2]
        assert mine[2:4] == pytest.approx(other[2:4], abs=1e-6)
        if mine[1] != "-!":
            assert mine[4:] == other[4:]
