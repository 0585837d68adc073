"""Phones event by event in plain Python, for references that the fleet is compared with.

Only the draws are shared with the package: the loop over events, the windows, the pricing and the
bookkeeping are others. What a server does when a phone calls is a reference's own.
"""

import heapq
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gboard_sim import seeds
from gboard_sim.seam.records import LocalWork
from gboard_sim.seam.typing_record import Typing

DRAWS = ("failure", "failure/when")
CLOSE, TIMEOUT, LEAVE, ACT = range(4)  # order of events that fall on one instant
COLUMNS = (
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


class ReferencePhones:
    """Phones with windows, text and cycles; a server is a subclass that has `accepts`."""

    def __init__(
        self, population, windows, text, schedule, *, days, cap, seed, retry_s, again_s=np.inf
    ):
        self.pop, self.text, self.schedule = population, text, schedule
        self.end_s, self.cap = days * 86400.0, cap
        self.seed, self.retry_s, self.again_s = seed, retry_s, again_s
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
                "entered_s": 0.0,
            }
            for _ in windows
        ]
        self.version, self.log, self.queue = 0, [], []
        self.abandoned_cycles = self.rejected = 0
        for phone in range(len(windows)):
            self.next_window(phone)

    def push(self, at_s, kind, *what):
        heapq.heappush(self.queue, (at_s, kind, *what))

    def pop_event(self):
        return heapq.heappop(self.queue)

    def enter(self, phone, at_s):
        """The phone acts in its window as in a new one."""
        self.phones[phone]["entered_s"] = at_s
        self.push(at_s, ACT, phone, True)

    def enters_again(self, phone, at_s):
        """Whether the phone, free from some time on, is back in the window that it is in."""
        state = self.phones[phone]
        again_s = max(state["entered_s"] + self.again_s, at_s)
        if again_s >= self.windows[phone][state["window"]][1]:
            return False
        self.enter(phone, again_s)
        return True

    def next_window(self, phone):
        state = self.phones[phone]
        state["window"] += 1
        if state["window"] < len(self.windows[phone]):
            self.enter(phone, self.windows[phone][state["window"]][0])

    def free(self, phone, at_s):
        """The phone goes on to the first later window that has not ended."""
        state = self.phones[phone]
        if self.enters_again(phone, at_s):
            return
        state["window"] += 1
        while state["window"] < len(self.windows[phone]):
            start_s, end_s = self.windows[phone][state["window"]]
            if end_s > at_s:
                self.enter(phone, max(start_s, at_s))
                return
            state["window"] += 1

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
                self.free(phone, at_s)
                return
            if not state["done"] and not self.schedule.uploads(np.array([state["stints"]]))[0]:
                ended_s, _, _ = self.session(phone, at_s, at_s, window_end_s, False)
                self.free(phone, ended_s)
                return
        state["calls"] += 1
        state["retry"] = True
        if self.accepts(at_s, phone, window_end_s):
            return
        self.rejected += 1
        low_s, high_s = self.retry_s
        back_s = (
            at_s
            + low_s
            + (high_s - low_s) * float(seeds.uniforms(self.seed, "retry", phone, state["calls"]))
        )
        again_s = state["entered_s"] + self.again_s
        if back_s < min(window_end_s, again_s):
            self.push(back_s, ACT, phone, False)
        elif again_s < window_end_s:
            self.free(phone, back_s)
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
            [float(seeds.uniforms(self.seed, name, phone, nth, phase)) for name in DRAWS]
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


def random_world(world, rng, phones, days):
    """Phones of two classes that fail, with little text, and their windows."""
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
    works = (LocalWork(2, None, 4, 0.1, 3), LocalWork(None, 3, 2, 0.1))
    return population, text, works, random_windows(rng, phones, days)


def agree(blocks, end, expected, fewest):
    """Compares a session log with a reference's, but for phones held when the run ends."""
    rows = [
        row
        for block in blocks
        for row in zip(*(getattr(block, name).tolist() for name in COLUMNS), strict=True)
    ]
    held_at_the_end = [row for row in rows if row[1] == "-!" and row[3] == end.ended_s]
    rows = [row for row in rows if row not in held_at_the_end]
    theirs = [row for row in expected.log if row[3] != end.ended_s or row[1] != "-!"]
    assert len(rows) == len(theirs) > fewest
    for mine, other in zip(sorted(rows), sorted(theirs), strict=True):
        assert mine[:2] == other[:2]
        assert mine[2:4] == pytest.approx(other[2:4], abs=1e-6)
        if mine[1] != "-!":
            assert mine[4:] == other[4:]
