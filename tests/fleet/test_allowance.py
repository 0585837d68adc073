"""What phones may spend in a day and a month, against a dictionary and over whole runs."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.fleet.allowance import Allowance, AllowanceRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms

DAY_S, HOUR_S = 86400.0, 3600.0
MB = 1_000_000
LIMITS = ("mb_per_day", "mb_per_month", "j_per_day", "j_per_month")


class Book:
    """A dictionary of what every phone spent in every period."""

    def __init__(self, rules, offset_s):
        self.rules, self.offset_s = rules, offset_s
        self.spent, self.last = {}, {}

    def periods(self, phone, at_s):
        """Each limit that is set, with its period and when the next one begins."""
        for name in LIMITS:
            limit = getattr(self.rules, name)
            if limit is None:
                continue
            length_s, start_s = DAY_S, -self.offset_s[phone]
            if name.endswith("month"):
                length_s, start_s = 30 * DAY_S, 0.0
            number = 0
            while at_s >= start_s + (number + 1) * length_s:
                number += 1
            while at_s < start_s + number * length_s:
                number -= 1
            yield name, limit, number, start_s + (number + 1) * length_s

    def short_of(self, phone, at_s):
        """When each limit that is used up begins anew."""
        later_s = []
        for name, limit, number, next_s in self.periods(phone, at_s):
            spent = self.spent.get((phone, name, number), 0.0)
            if spent > 0.0 and spent + self.last[phone, name] > limit:
                later_s.append(next_s)
        return later_s

    def spend(self, phone, at_s, moved, joules):
        for name, _, number, _ in self.periods(phone, at_s):
            amount = moved / MB if name.startswith("mb") else joules
            key = (phone, name, number)
            self.spent[key] = self.spent.get(key, 0.0) + amount
            self.last[phone, name] = amount


limits = st.one_of(st.none(), st.sampled_from([1.0, 4.0, 10.0, 50.0]))


@given(
    rules=st.builds(AllowanceRules, limits, limits, limits, limits),
    hours=st.lists(st.sampled_from([-11.0, -3.5, 0.0, 5.5, 13.0]), min_size=3, max_size=3),
    sessions=st.lists(
        st.tuples(
            st.integers(0, 2), st.floats(0.0, 40 * HOUR_S), st.integers(0, 6), st.integers(0, 20)
        ),
        max_size=60,
    ),
)
def test_the_allowance_is_that_of_a_dictionary(rules, hours, sessions):
    offset_s = np.array(hours) * HOUR_S
    allowance, book, at_s = Allowance(rules, 3, offset_s), Book(rules, offset_s), 0.0
    for phone, later_s, moved_mb, joules in sessions:
        at_s += later_s
        everyone = np.arange(3)
        fine = allowance.suffices(everyone, np.full(3, at_s))
        again_s = allowance.renewed_s(everyone, np.full(3, at_s))
        for one in range(3):
            waits = book.short_of(one, at_s)
            assert fine[one] == (not waits)
            assert again_s[one] == max([at_s, *waits])
        if fine[phone]:
            who, when_s = np.array([phone]), np.array([at_s])
            allowance.spend(who, when_s, np.array([moved_mb * MB]), np.array([float(joules)]))
            book.spend(phone, at_s, moved_mb * MB, float(joules))


def test_a_day_ends_at_the_phones_own_midnight():
    # In UTC+2 the day ends at 22:00 UTC, in UTC-5 at 05:00 UTC of the next day.
    allowance = Allowance(AllowanceRules(mb_per_day=1.5), 2, np.array([2.0, -5.0]) * HOUR_S)
    both = np.arange(2)
    allowance.spend(both, np.full(2, 12 * HOUR_S), np.full(2, MB), np.zeros(2))
    renewed_s = allowance.renewed_s(both, np.full(2, 13 * HOUR_S))
    assert (renewed_s / HOUR_S).tolist() == [22.0, 29.0]
    for hour, fine in ((21.9, [False, False]), (22.0, [True, False]), (29.0, [True, True])):
        assert allowance.suffices(both, np.full(2, hour * HOUR_S)).tolist() == fine


def test_a_month_is_thirty_days_of_the_run_in_every_time_zone():
    allowance = Allowance(AllowanceRules(j_per_month=5.0), 2, np.array([9.0, -9.0]) * HOUR_S)
    both = np.arange(2)
    allowance.spend(both, np.full(2, DAY_S), np.zeros(2, dtype=int), np.full(2, 4.0))
    assert allowance.suffices(both, np.full(2, 30 * DAY_S - 1.0)).tolist() == [False, False]
    assert allowance.renewed_s(both, np.full(2, 2 * DAY_S)).tolist() == [30 * DAY_S] * 2


def fleet(world, rules, *, days=3.0, phones=40, seed=4, fails=0.05):
    """A run in which phones would take part many times a day; gives its log as columns."""
    rng = np.random.default_rng(seed)
    made = replace(
        world.population(phones, breaks=fails, crashes=fails),
        flop_per_s=rng.lognormal(2.5, 0.5, phones),
        utc_offset_s=rng.integers(-11, 13, phones) * HOUR_S,
    )
    rows = []
    for phone in range(phones):
        at_s = rng.uniform(0.0, HOUR_S)
        while at_s < days * DAY_S:
            end_s = at_s + rng.uniform(600.0, 4 * HOUR_S)
            rows.append((phone, round(at_s), round(end_s)))
            at_s = end_s + rng.uniform(60.0, 2 * HOUR_S)
    blocks = []
    end = simulate(
        made,
        RoundRules(goal=4, over_selection=1.5, deadline_s=200.0, minimum=1),
        world.EveryKth(keeps_unsent=False),
        world.FixedSize(),
        world.Learner(world.one_row_each(phones)),
        parameters=1,
        flop_per_token=10.0,
        seed=seed,
        days=days,
        terms=Terms(allowance=rules, pace=PaceRules(retry_s=(60.0, 600.0))),
        windows=world.windows(*rows),
        log=blocks.append,
    )
    names = ("phone", "began_s", "shape", "download_bytes", "upload_bytes", "energy_j", "used_in")
    log = {name: np.concatenate([getattr(b, name) for b in blocks]) for name in names}
    return end, log, made


def by_day(log, made, amount):
    """The amounts of each phone and local day, in order of time."""
    found = {}
    for row in np.argsort(log["began_s"], kind="stable"):
        phone = log["phone"][row]
        day = int((log["began_s"][row] + made.utc_offset_s[phone]) // DAY_S)
        found.setdefault((int(phone), day), []).append(float(amount[row]))
    return found


@pytest.mark.parametrize(
    ("rules", "limit"),
    [
        (AllowanceRules(mb_per_day=0.0034), 0.0034),  # three whole sessions of 1,100 bytes
        (AllowanceRules(j_per_day=150.0), 150.0),
    ],
)
def test_no_phone_passes_its_day_by_more_than_a_surprise(world, rules, limit):
    end, log, made = fleet(world, rules)
    moved = (log["download_bytes"] + log["upload_bytes"]) / MB
    days = by_day(log, made, moved if rules.mb_per_day else log["energy_j"])
    assert end.turned_away > 100
    over = 0
    for amounts in days.values():
        # All but the last session leave room for one like the last but one.
        for nth in range(1, len(amounts)):
            spent = sum(amounts[:nth])
            assert spent == 0.0 or spent + amounts[nth - 1] <= limit * (1 + 1e-9)
        over += sum(amounts) > limit
        if sum(amounts) > limit and len(amounts) > 1:
            assert amounts[-1] > amounts[-2]  # the surprise
    full = [amounts for amounts in days.values() if len(amounts) > 1]
    assert len(full) > 50
    assert over < len(days) / 4
    free, _, _ = fleet(world, AllowanceRules())
    assert free.versions > end.versions > 10
    assert free.turned_away < end.turned_away


def test_a_phone_whose_session_is_over_the_limit_gets_one_a_day(world):
    _, log, made = fleet(world, AllowanceRules(mb_per_day=0.00105), fails=0.0)
    begun = log["download_bytes"] > 500
    log = {name: column[begun] for name, column in log.items()}
    days = by_day(log, made, log["download_bytes"])
    assert {len(amounts) for amounts in days.values()} == {1}
    assert len(days) > 80  # phones are eligible on each of three days, and most are taken


def test_a_month_holds_over_its_days(world):
    end, log, _ = fleet(world, AllowanceRules(mb_per_month=0.0034))
    moved = (log["download_bytes"] + log["upload_bytes"]) / MB
    spent = np.bincount(log["phone"], weights=moved, minlength=40)
    assert (spent <= 0.0034 + 1e-9).mean() > 0.9
    assert end.turned_away > 100


def test_what_a_phone_spends_without_a_check_in_counts(world):
    # It downloads 1,000 bytes in its first window of the day, and may upload on the next.
    log = []
    end = simulate(
        world.population(1),
        RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1),
        world.EveryKth(k=2),
        world.FixedSize(),
        world.Learner(world.one_row_each(1)),
        parameters=1,
        flop_per_token=10.0,
        seed=1,
        days=2.0,
        terms=Terms(allowance=AllowanceRules(mb_per_day=0.001)),
        windows=world.windows(*((0, nth * 7200, nth * 7200 + 200) for nth in range(1, 24))),
        log=log.append,
    )
    shapes = np.concatenate([block.shape for block in log]).tolist()
    began_s = np.concatenate([block.began_s for block in log])
    assert shapes[:2] == ["v[]", "-[]+^"]
    assert (began_s // DAY_S).tolist()[:2] == [0.0, 1.0]
    assert end.turned_away > 5
