"""The bounds on participation: by hand, and over whole fleets read back from their logs."""

from itertools import pairwise

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.errors import InvariantError
from gboard_sim.fleet.admission import Admission, AdmissionRules
from gboard_sim.fleet.allowance import Allowance, AllowanceRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.fake_learner import plausible_typing
from gboard_sim.fleet.invariants import Invariants
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.seam.records import LocalWork, Sessions
from gboard_sim.seam.typing_record import Typing

PACE = PaceRules(retry_s=(50.0, 50.0))
HOUR_S = 3600.0


def admission(rules, phones=3):
    return Admission(rules, phones, Allowance(AllowanceRules(), phones, np.zeros(phones)))


def allowed(bounds, at_s, version, task="train"):
    everyone = np.arange(len(bounds.used))
    return bounds.allowed(everyone, np.full(len(everyone), at_s), version, task).tolist()


def test_versions_that_use_a_phone_are_far_enough_apart():
    bounds = admission(AdmissionRules(separation_versions=3))
    assert allowed(bounds, 0.0, 0) == [True] * 3
    bounds.participations(np.array([1]), 1)  # phone 1 made version 1: its next may be 4
    assert [allowed(bounds, 0.0, version)[1] for version in range(1, 5)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert allowed(bounds, 0.0, 1, "evaluate") == [True] * 3  # that releases no update


def test_hours_count_from_the_end_of_any_session():
    bounds = admission(AdmissionRules(separation_h=2.0))
    bounds.sessions(np.array([0, 2]), np.array([100.0, 500.0]), np.array([True, False]))
    assert allowed(bounds, 7299.0, 0) == [False, True, False]
    assert allowed(bounds, 7300.0, 0) == [True, True, False]
    assert allowed(bounds, 7300.0, 0, "evaluate") == [True, True, False]
    asked_s = np.full(3, 1000.0)
    assert bounds.not_before_s(np.arange(3), asked_s).tolist() == [7300.0, 1000.0, 7700.0]


def test_phones_are_spent_by_uses_or_by_payloads():
    bounds = admission(AdmissionRules(max_participations=2, max_uploads=3))
    for version in (1, 2):
        bounds.participations(np.array([0]), version)
    for _ in range(3):
        bounds.sessions(np.array([0, 1, 2]), np.zeros(3), np.array([False, True, False]))
    assert bounds.done(np.arange(3)).tolist() == [True, True, False]
    assert (bounds.used.tolist(), bounds.payloads.tolist()) == ([2, 0, 0], [0, 3, 0])


def by_hand(world, rules, windows, *, phones=2, text=None, **options):
    """Sessions of 21 s one after another: each round wants one phone."""
    log = []
    end = simulate(
        world.population(phones),
        RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1),
        world.EveryKth(keeps_unsent=False),
        world.FixedSize(),
        world.Learner(text or world.one_row_each(phones)),
        parameters=1,
        flop_per_token=10.0,
        seed=1,
        days=1.0,
        terms=Terms(rules, pace=PACE, **options),
        windows=world.windows(*windows),
        log=log.append,
    )
    return end, [
        row
        for block in log
        for row in zip(block.phone.tolist(), block.began_s.tolist(), strict=True)
    ]


def test_a_phone_used_lately_is_turned_away_until_others_made_a_version(world):
    # Phone 0 makes version 1 at 121 and returns at 200: its turn is not before version 3, so that
    # it comes back every 50 s. Phone 1 makes version 2 at 291; at 300 phone 0 is taken again.
    windows = [(0, 100, 150), (0, 200, 400), (1, 270, 400)]
    end, sessions = by_hand(world, AdmissionRules(separation_versions=2), windows)
    assert sessions == [(0, 100.0), (1, 270.0), (0, 300.0)]
    assert (end.checkins, end.rejected, end.turned_away) == (5, 2, 2)
    assert end.participations.tolist() == [2, 1]


def test_a_phone_that_must_rest_comes_back_when_its_hours_are_over(world):
    # It is free at 121, must rest until 3721, and asks at 3000. Told to wait until then, it is
    # taken at 3721 at once; in the window that ends before, it does not ask twice.
    windows = [(0, 100, 150), (0, 1000, 2000), (0, 3000, 4000)]
    end, sessions = by_hand(world, AdmissionRules(separation_h=1.0), windows)
    assert sessions == [(0, 100.0), (0, 3721.0)]
    assert (end.checkins, end.rejected, end.turned_away) == (4, 2, 2)


def test_a_phone_that_took_part_often_enough_stays_away(world):
    windows = [(0, at_s, at_s + 50) for at_s in (100, 200, 300, 400)] + [(1, 500, 550)]
    end, sessions = by_hand(world, AdmissionRules(max_participations=2), windows)
    assert sessions == [(0, 100.0), (0, 200.0), (1, 500.0)]
    assert (end.checkins, end.turned_away) == (3, 0)  # it does not even ask


def test_a_phone_with_too_few_messages_waits_for_more(world):
    # Phone 0 types its third message at 250; phone 1 never does.
    text = Typing(
        np.array([0, 3, 5]), np.array([0.0, 10.0, 250.0, 0.0, 20.0]), np.full(5, 4), 9, np.inf
    )
    windows = [(0, 100, 150), (0, 300, 350), (1, 100, 150), (1, 400, 450)]
    end, sessions = by_hand(world, AdmissionRules(min_examples=3), windows, text=text)
    assert sessions == [(0, 300.0)]
    assert end.checkins == 1
    _, sessions = by_hand(world, AdmissionRules(min_examples=2), windows, text=text)
    assert [phone for phone, _ in sessions] == [0, 1, 0, 1]


@pytest.fixture(scope="module")
def mix():
    return load_fleet("default", catalogue.read)


RUNS = {
    "rounds": RoundRules(goal=6, minimum=2, deadline_s=200.0, selection_timeout_s=1800.0),
    "buffered": BufferRules(goal=5, concurrency=6),
}
BOUNDS = {
    "versions": AdmissionRules(separation_versions=25),
    "hours": AdmissionRules(separation_h=12.0),
    "uses": AdmissionRules(max_participations=2),
    "text": AdmissionRules(min_examples=40),
    "all": AdmissionRules(10, 9.0, 3, 4, 10),
}


def random_run(world, mix, protocol, rules, phones=200, days=2.0):
    log = []
    typing = plausible_typing(phones, days, 5, at_start=0.4)
    end = simulate(
        populate(mix, phones, 5),
        RUNS[protocol],
        world.EveryKth(keeps_unsent=False, works=(LocalWork(1, None, 8, 0.1),) * 3),
        world.FixedSize(5_649_000),
        world.Learner(typing, model_bytes=5_649_000),
        parameters=1,
        flop_per_token=8.5e6,
        seed=5,
        days=days,
        terms=Terms(rules),
        log=log.append,
    )
    names = tuple(Sessions.__dataclass_fields__)
    log = Sessions(**{n: np.concatenate([getattr(block, n) for block in log]) for n in names})
    return end, log, typing


def broken(log, typing, rules):
    """Which of the bounds the sessions of some phone do not keep, looked at one by one."""
    found, rows = set(), {}
    for row in range(len(log.session)):
        rows.setdefault(int(log.phone[row]), []).append(row)
    for phone, mine in rows.items():
        mine.sort(key=lambda row: log.began_s[row])
        used = [int(log.used_in[row]) for row in mine if log.used_in[row] >= 0]
        gaps = [later - before for before, later in pairwise(used)]
        if min(gaps, default=rules.separation_versions) < rules.separation_versions:
            found.add("versions")
        taken = [row for row in mine if log.shape[row] != "-!"]
        for before, later in pairwise(taken):
            if log.began_s[later] < log.ended_s[before] + rules.separation_h * HOUR_S:
                found.add("hours")
        if rules.max_participations is not None and len(used) > rules.max_participations:
            found.add("uses")
        sent = sum(bool(log.left_phone[row]) for row in mine)
        if rules.max_uploads is not None and sent > rules.max_uploads:
            found.add("payloads")
        for row in mine:
            first, last = typing.cached(np.array([phone]), log.began_s[row : row + 1], 10**9)
            if last[0] - first[0] < rules.min_examples:
                found.add("text")
    return found


@pytest.fixture(scope="module")
def free_runs(mix):
    return {}


@pytest.mark.parametrize(
    ("protocol", "bound"), [*(("rounds", bound) for bound in BOUNDS), ("buffered", "all")]
)
def test_a_random_fleet_keeps_its_bounds_and_would_not_without_them(
    world, mix, free_runs, protocol, bound
):
    rules = BOUNDS[bound]
    if protocol not in free_runs:
        free_runs[protocol] = random_run(world, mix, protocol, AdmissionRules())
    free, free_log, typing = free_runs[protocol]
    end, log, _ = random_run(world, mix, protocol, rules)
    assert broken(log, typing, rules) == set()
    assert broken(free_log, typing, rules) >= ({bound} if bound != "all" else {"versions", "text"})
    assert 1 < end.versions <= free.versions
    if bound in ("versions", "hours", "all"):
        assert end.turned_away > 50
        assert np.bincount(log.phone).max() > 1  # those turned away returned
    assert end.turned_away <= end.rejected <= end.checkins
    accepted = (log.shape != "-!") & np.char.startswith(log.shape, "-")
    assert end.checkins - end.rejected >= accepted.sum()


@pytest.mark.parametrize(
    ("bound", "promise"),
    [
        (AdmissionRules(separation_versions=30), "30 versions apart"),
        (AdmissionRules(separation_h=12.0), "rest 12 hours"),
        (AdmissionRules(max_participations=2), "more than 2 uploads that are used"),
        (AdmissionRules(max_uploads=2), "more than 2 payloads"),
    ],
)
def test_invariants_raise_on_a_log_that_breaks_a_bound(world, mix, free_runs, bound, promise):
    if "rounds" not in free_runs:
        free_runs["rounds"] = random_run(world, mix, "rounds", AdmissionRules())
    log = free_runs["rounds"][1]
    Invariants(200, 6, AdmissionRules()).see(log)
    with pytest.raises(InvariantError, match=promise):
        Invariants(200, 6, bound).see(log)


def test_a_phone_that_may_train_no_more_may_still_judge():
    rules, phone = AdmissionRules(max_participations=1), np.array([1])
    for judges in (False, True):
        allowance = Allowance(AllowanceRules(), 3, np.zeros(3))
        bounds = Admission(rules, 3, allowance, judges=judges)
        bounds.participations(phone, 1)
        assert allowed(bounds, 0.0, 9) == [True, False, True]
        assert allowed(bounds, 0.0, 9, "evaluate") == [True] * 3
        assert bounds.done(phone).tolist() == [not judges]
