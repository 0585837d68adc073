"""Fleets that can never do what is asked are refused, and hopeless ones warned of, by name."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.data_budget import DataBudget
from gboard_sim.communication.schedules.every_kth import EveryKth
from gboard_sim.communication.schedules.fixed import Fixed
from gboard_sim.errors import ExperimentError, GboardSimWarning
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.allowance import AllowanceRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.fake_learner import plausible_typing
from gboard_sim.fleet.feasibility import Demand, check_feasible, first_upload
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.habits import HabitWindows
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.rules import RoundRules, StopRules, check, whole_session_s
from gboard_sim.fleet.terms import Terms
from gboard_sim.seam.typing_record import Typing

PHONES = 10
DEMAND = Demand(
    rules=RoundRules(goal=5, minimum=4, deadline_s=100.0),
    terms=Terms(),
    stop=StopRules(days=2.0),
    download_bytes=1000,
    payload_bytes=100,
    flop_per_token=10.0,
)


def verdict(world, demand=DEMAND, *, population=None, text=None, windows=None):
    """What is said of ten phones with text that are eligible for ten minutes."""
    windows = windows or world.windows(*((p, 100, 700) for p in range(PHONES)))
    population = population or world.population(PHONES)
    check_feasible(demand, population, text or world.one_row_each(PHONES), windows, 1)


def asking(**changes):
    """The same with other terms, rules or times."""
    terms = {k: changes.pop(k) for k in list(changes) if k in Terms.__dataclass_fields__}
    stop = {k: changes.pop(k) for k in list(changes) if k in ("days", "versions")}
    rules = changes.pop("buffer", None) or replace(DEMAND.rules, **changes)
    return replace(
        DEMAND, rules=rules, terms=replace(DEMAND.terms, **terms), stop=replace(DEMAND.stop, **stop)
    )


def test_what_can_work_is_not_spoken_of(world):
    verdict(world)
    verdict(world, asking(buffer=BufferRules(goal=5, concurrency=3)))
    verdict(world, asking(admission=AdmissionRules(2, 5.0, 3, 4, 1), versions=5))
    verdict(world, asking(allowance=AllowanceRules(0.001, 0.001, 10.0, 10.0)))


def texts(held):
    """Phones that hold these numbers of messages, one typed each hour."""
    first = np.concatenate([[0], np.cumsum(held)])
    times = np.concatenate([3600.0 * np.arange(n) for n in held])
    return Typing(first, times, np.full(len(times), 10), 5, float("inf"))


@pytest.mark.parametrize(
    ("demand", "pattern"),
    [
        (asking(admission=AdmissionRules(min_examples=3)), "only 3 of 10 .*min_examples = 3"),
        (
            asking(admission=AdmissionRules(separation_versions=3), versions=20),
            "separation_versions = 3: after 2 versions .* run.versions = 20",
        ),
        (
            asking(admission=AdmissionRules(max_participations=2), versions=6),
            "max_participations = 2 .* need 24 uploads.*may give 20",
        ),
        (
            asking(admission=AdmissionRules(separation_h=30.0), versions=6),
            "separation_h = 30 .* need 24 uploads.*may give 20 in run.days = 2",
        ),
        (asking(allowance=AllowanceRules(mb_per_day=0.0009)), "allowance.mb_per_day = 0.0009"),
        (asking(allowance=AllowanceRules(j_per_month=9.0)), "j_per_month = 9 .* least 10"),
    ],
)
def test_what_can_never_happen_is_refused(world, demand, pattern):
    held = [5, 5, 5, 2, 2, 2, 2, 2, 1, 0]
    with pytest.raises(ExperimentError, match=pattern):
        verdict(world, demand, text=texts(held))


def test_too_few_phones_that_are_ever_eligible_are_refused(world):
    windows = world.windows(*((p, 100, 700) for p in range(3)), (3, 3 * 86400, 4 * 86400))
    with pytest.raises(ExperimentError, match=r"goal = 5 \(protocol.minimum = 4\).* only 3 of 10"):
        verdict(world, windows=windows)
    verdict(world, asking(days=4.0), windows=windows)
    with pytest.raises(ExperimentError, match=r"goal = 4 .* only 3 of 10"):
        verdict(world, asking(buffer=BufferRules(goal=4, concurrency=1)), windows=windows)
    text = texts([1, 1, 0, 0, 0, 0, 1, 1, 1, 1])  # some that are eligible type nothing
    windows = world.windows(*((p, 100, 700) for p in range(7)))
    with pytest.raises(ExperimentError, match="only 3 of 10 phones with text are ever eligible"):
        verdict(world, windows=windows, text=text)


@pytest.mark.parametrize(
    ("demand", "pattern"),
    [
        # Whole sessions take 21 s on seven of the phones and 111 s on three.
        (asking(deadline_s=30.0, goal=9, minimum=8), "7 of 10 .*protocol.deadline_s = 30"),
        (asking(session_timeout_s=25.0, goal=9, minimum=8), "7 of .*session_timeout_s = 25"),
        (asking(admission=AdmissionRules(separation_versions=3)), "separation_versions = 3: after"),
        (
            asking(evaluation=EvaluationRules(every=1, goal=3)),
            "federated_evaluation.goal = 3: only 0 of 10",
        ),
    ],
)
def test_what_is_hopeless_is_warned_of(world, demand, pattern):
    slow = np.array([10.0] * 7 + [1.0] * 3)
    with pytest.warns(GboardSimWarning, match=pattern):
        verdict(world, demand, population=replace(world.population(PHONES), flop_per_s=slow))


def down(mbit_per_s):
    return Capacity(server_down_mbit_per_s=mbit_per_s)


def up(mbit_per_s):
    return Capacity(server_up_mbit_per_s=mbit_per_s)


@pytest.mark.parametrize(
    ("demand", "pattern"),
    [
        # Four uploads of 100 bytes are 3,200 bits; seven phones at once send 5,600 of them.
        (
            asking(capacity=up(3.1e-5)),
            "server_up.* 4 uploads .* 103 s, more than .*deadline_s = 100",
        ),
        (
            asking(capacity=up(1e-8), buffer=BufferRules(5, 6)),
            "server_up.*goal = 5: 5 uploads of 0.0001 MB .* 4e[+]05 s, more than run.days = 2",
        ),
        # Four downloads of 1,000 bytes are 32,000 bits, and a run has 172,800 s.
        (asking(capacity=down(1.8e-7)), r"server_down.*4 downloads .* 1.78e\+05 s.* run.days = 2"),
    ],
)
def test_a_link_of_the_server_that_can_never_carry_a_version_is_refused(world, demand, pattern):
    with pytest.raises(ExperimentError, match=pattern):
        verdict(world, demand)


@pytest.mark.parametrize(
    ("demand", "pattern"),
    [
        (asking(capacity=up(5.5e-5)), "the uploads .* 7 phones at once .* 102 s, more than .* 100"),
        (asking(capacity=down(5.5e-4)), "the downloads of .* 7 phones at once .* 102 s"),
        (
            asking(capacity=down(5.5e-4), buffer=BufferRules(5, 6), session_timeout_s=80.0),
            "6 phones at once .* 87.3 s, more than protocol.session_timeout_s = 80",
        ),
    ],
)
def test_a_link_of_the_server_that_hardly_carries_a_round_is_warned_of(world, demand, pattern):
    with pytest.warns(GboardSimWarning, match=pattern):
        verdict(world, demand)


def test_links_that_carry_just_enough_are_not_spoken_of(world):
    verdict(world, asking(capacity=up(5.7e-5)))
    verdict(world, asking(capacity=down(5.7e-4)))
    verdict(world, asking(capacity=down(5.5e-4), buffer=BufferRules(5, 6)))


def test_an_access_point_that_is_too_slow_for_one_phone_is_warned_of(world):
    # 1,100 bytes at 80 bytes/s take 13.75 s instead of 11, and training 10 s.
    point = Capacity(access_point_phones=3, access_point_mbit_per_s=6.4e-4)
    with pytest.warns(GboardSimWarning, match="only 0 of 10 phones can download .*deadline_s = 22"):
        verdict(world, asking(capacity=point, deadline_s=22.0))
    verdict(world, asking(capacity=point, deadline_s=24.0))


def test_windows_that_are_too_short_are_warned_of_unless_sessions_pause(world):
    windows = world.windows(*((p, 100, 120) for p in range(PHONES)))
    with pytest.warns(GboardSimWarning, match="only 0 of 10 .* for a whole session"):
        verdict(world, windows=windows)
    verdict(world, asking(pauses=True), windows=windows)


def test_text_that_expires_before_anyone_uploads_is_warned_of(world):
    text = texts([5] * PHONES)
    with pytest.warns(GboardSimWarning, match="min_examples = 3 messages at any"):
        verdict(
            world,
            asking(admission=AdmissionRules(min_examples=3)),
            text=replace(text, expiry_s=3600.0),
        )


def test_a_large_fleet_is_judged_by_its_first_phones():
    # A quarter of a percent of the phones would have to be eligible; nearly all are.
    mix = load_fleet("default", catalogue.read)
    population = populate(mix, 60_000, 3)
    windows = HabitWindows(population, 3)
    typing = plausible_typing(60_000, 2.0, 3)
    check_feasible(asking(goal=150, minimum=120), population, typing, windows, 3)
    with pytest.warns(GboardSimWarning, match="of 60000 phones .*eligible"):
        check_feasible(asking(goal=60_000, minimum=59_000), population, typing, windows, 3)


def plain_check(population, rules, text, **changes):
    settings = {"download_bytes": np.full(population.phones, 1000), "payload_bytes": 100}
    check(
        population,
        text,
        rules,
        PaceRules(),
        StopRules(days=1.0),
        flop_per_token=10.0,
        **{**settings, **changes},
    )


def test_the_fastest_session_counts_round_trips_and_what_is_lost(world):
    population = replace(
        world.population(2),
        round_trip_s=np.array([0.5, 2.0]),
        loss_share=np.array([0.2, 0.5]),
        down_bytes_per_s=np.array([100.0, 500.0]),
    )
    seconds = whole_session_s(
        population,
        download_bytes=np.full(2, 1000),
        payload_bytes=100,
        tokens=10,
        flop_per_token=10.0,
    )
    # 1000 bytes are 1250 and 2000 on the wire; 100 bytes are 125 and 200.
    assert seconds.tolist() == pytest.approx([1.0 + 12.5 + 10 + 1.25, 4.0 + 4 + 10 + 2.0])
    rules = RoundRules(goal=1, deadline_s=19.9)
    with pytest.raises(ExperimentError, match=r"deadline_s = 19.9 .* at least 20,"):
        plain_check(population, rules, world.one_row_each(2))
    plain_check(population, replace(rules, deadline_s=20.0), world.one_row_each(2))


def test_more_phones_at_work_than_there_are_is_refused(world):
    with pytest.raises(
        ExperimentError, match=r"concurrency = 3 .* between 1 and fleet\.phones = 2"
    ):
        plain_check(world.population(2), BufferRules(1, 3), world.one_row_each(2))
    plain_check(world.population(2), BufferRules(1, 2), world.one_row_each(2))


@pytest.mark.parametrize("column", ["phone_class", "network", "profile"])
@pytest.mark.parametrize("kind", [-1, 2])
def test_a_phone_of_no_class_is_refused_with_its_number(world, column, kind):
    mix = SimpleNamespace(classes=("a", "b"), networks=("a", "b"), profiles=("a", "b"))
    population = replace(world.population(4), mix=mix)
    plain_check(population, RoundRules(goal=1), world.one_row_each(4))
    wrong = replace(population, **{column: np.array([0, 1, kind, 1])})
    name = column.removeprefix("phone_")
    with pytest.raises(ExperimentError, match=f"phone 2 is of {name} {kind}, .* has 2"):
        plain_check(wrong, RoundRules(goal=1), world.one_row_each(4))


def test_silence_is_no_accident(world):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        verdict(world, asking(goal=PHONES, minimum=PHONES))
    assert said == []


def test_a_cycle_longer_than_the_run_is_spoken_of(world):
    """Ten phones with three windows each in the two days that are looked at."""
    windows = world.windows(
        *((p, start, start + 600) for p in range(PHONES) for start in (100, 40_000, 90_000))
    )
    verdict(world, replace(DEMAND, cycle=3), windows=windows)
    with pytest.warns(GboardSimWarning, match="only 0 of 10 phones have the 4 eligible windows"):
        verdict(world, replace(DEMAND, cycle=4), windows=windows)


def test_the_first_upload_is_that_of_the_schedule():
    plan = LocalPlan(("phone",), 8, LearningRate(0.5), steps=4)
    assert first_upload(Fixed(plan)) == 1
    assert first_upload(EveryKth(plan, k=5)) == 5
    assert first_upload(DataBudget(plan, uplink_mb_per_month=1.0).sized(200_000)) == 6
    assert first_upload(EveryKth(plan, k=10**6)) == 10_000
