"""Rounds worked out by hand, and what must not change a run."""

from dataclasses import astuple, replace

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.errors import ExperimentError, GboardSimWarning
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.fake_learner import FakeLearner, plausible_typing
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.seam.records import LocalWork, Sessions

PACE = PaceRules(retry_s=(50.0, 50.0))


class Log(list):
    """Session blocks, and their columns joined."""

    def column(self, name):
        return np.concatenate([getattr(block, name) for block in self])

    def rows(self, *names):
        return list(zip(*(self.column(name).tolist() for name in names), strict=True))


def run(population, rules, schedule, codec, learner, **options):
    log = Log()
    settings = {"seed": 1, "days": 1.0, "parameters": 1, "flop_per_token": 10.0, **options}
    settings.setdefault("terms", Terms(pace=PACE))
    end = simulate(population, rules, schedule, codec, learner, log=log.append, **settings)
    return end, log


@pytest.fixture
def two_phones(world):
    """Two phones that download in 10 s, train in 10 s, upload in 1 s; one upload closes a round."""
    return world.population(2), RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1)


def test_one_round_worked_out_by_hand(world):
    # Three phones are selected for two uploads. Phone 2 is slow: it arrives after the close.
    phones = world.population(3)
    phones = replace(phones, flop_per_s=np.array([10.0, 5.0, 2.0]))
    rules = RoundRules(goal=2, over_selection=1.5, deadline_s=100.0, minimum=1)
    learner = world.Learner(world.one_row_each(3))
    end, log = run(
        phones,
        rules,
        world.EveryKth(keeps_unsent=False),
        world.FixedSize(),
        learner,
        windows=world.windows((0, 100, 900), (1, 110, 900), (2, 120, 900)),
    )
    # Configured at 120, when the third phone has checked in. Download 10 s; training 10, 20, 50 s;
    # upload 1 s: arrivals at 141, 151 and 181. The goal of two closes the round at 151.
    assert log.rows("phone", "shape", "began_s", "wait_s", "ended_s", "used_in") == [
        (0, "-v[]+^", 100.0, 20.0, 141.0, 1),
        (1, "-v[]+^", 110.0, 10.0, 151.0, 1),
        (2, "-v[]+#", 120.0, 0.0, 181.0, -1),
    ]
    assert log.rows("download_bytes", "upload_bytes", "tokens") == [(1000, 100, 10)] * 3
    # 1 W for 10 s of download, 2 W of training, 3 W for 1 s of upload; half and double.
    assert log.column("energy_j").tolist() == [10 + 20 + 3, 10 + 40 + 3, 10 + 100 + 3]
    assert log.column("energy_low_j").tolist() == [16.5, 26.5, 56.5]
    assert log.column("energy_high_j").tolist() == [66.0, 106.0, 226.0]
    cohort = learner.cohorts[0]
    assert (cohort.makes_version, cohort.closed_s, cohort.weights) == (1, 151.0, (1.0, 1.0))
    assert [(u.phone, u.sent_s, u.arrived_s) for u in cohort.uploads] == [
        (0, 140.0, 141.0),
        (1, 150.0, 151.0),
    ]
    assert len(cohort.dropouts) == 0  # phone 2 has not arrived yet when the round closes
    assert (end.versions, end.abandoned, end.stop_reason, end.rejected) == (1, 0, "days", 0)
    assert end.participants_by_hour.tolist() == [3] + [0] * 23


def test_every_second_window_with_a_rejection_worked_out_by_hand(world, two_phones):
    phones, rules = two_phones
    learner = world.Learner(world.one_row_each(2))
    end, log = run(
        phones,
        rules,
        world.EveryKth(k=2),
        world.FixedSize(),
        learner,
        windows=world.windows(
            (0, 100, 200),
            (0, 1000, 1040),
            (0, 2000, 2100),
            (1, 150, 250),
            (1, 1005, 1045),
            (1, 3000, 3100),
            (1, 4000, 4100),
        ),
    )
    assert log.rows("phone", "shape", "version", "base", "began_s", "ended_s", "used_in") == [
        # First windows: both download version 0 and train; nobody checks in.
        (0, "v[]", 0, 0, 100.0, 120.0, -1),
        (1, "v[]", 0, 0, 150.0, 170.0, -1),
        # Phone 0 checks in at 1000, trains, uploads from 1010 to 1011. Phone 1 calls at 1005, when
        # the next round selects already: it is held until 1011, and uploads by 1022.
        (0, "-[]+^", 0, 0, 1000.0, 1011.0, 1),
        (1, "-[]+^", 0, 0, 1005.0, 1022.0, 2),
        # New cycles: phone 0 from version 2, phone 1 from version 2; then phone 1 uploads.
        (0, "v[]", 2, 2, 2000.0, 2020.0, -1),
        (1, "v[]", 2, 2, 3000.0, 3020.0, -1),
        (1, "-[]+^", 2, 2, 4000.0, 4011.0, 3),
    ]
    first, second, third = learner.cohorts
    assert [(s.version, s.nth, s.began_s, s.ended_s) for s in second.uploads[0].stints] == [
        (0, 0, 160.0, 170.0),
        (0, 1, 1011.0, 1021.0),
    ]
    assert second.makes_version - 1 - second.uploads[0].base == 1  # staleness counts from b
    assert (first.oldest_version, second.oldest_version, third.oldest_version) == (0, 2, 2)
    assert third.uploads[0].nth == 1
    assert end.rejected == 0
    assert end.upload_bytes.tolist() == [100, 200]
    assert end.download_bytes.tolist() == [2000, 2000]


def test_a_phone_turned_away_keeps_its_stint_and_uploads_in_the_next_window(world):
    # Phone 2 is called in while the selection of the next round is full: 0 reports, 1 is held.
    phones = world.population(3)
    rules = RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1)
    learner = world.Learner(world.one_row_each(3))
    end, log = run(
        phones,
        rules,
        world.EveryKth(k=2),
        world.FixedSize(),
        learner,
        windows=world.windows(
            *((p, 100 + p, 200) for p in range(3)),
            (0, 1000, 1300),
            (1, 1001, 1300),
            (2, 1002, 1050),
            (2, 2000, 2100),
        ),
    )
    assert log.rows("phone", "shape", "base", "began_s", "ended_s")[3:] == [
        (0, "-[]+^", 0, 1000.0, 1011.0),
        (1, "-[]+^", 0, 1001.0, 1022.0),
        (2, "-[]+^", 0, 2000.0, 2011.0),  # at 1052, after 50 s, its window is over
    ]
    upload = learner.cohorts[2].uploads[0]
    assert [stint.began_s for stint in upload.stints] == [112.0, 2000.0]
    assert learner.cohorts[2].makes_version - 1 - upload.base == 2
    assert (end.checkins, end.rejected, end.cycles_abandoned) == (4, 1, 0)


def test_a_phone_turned_away_returns_while_its_window_lasts(world):
    phones = world.population(3)
    rules = RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1)
    end, log = run(
        phones,
        rules,
        world.EveryKth(),
        world.FixedSize(),
        world.Learner(world.one_row_each(3)),
        windows=world.windows((0, 1000, 1300), (1, 1001, 1300), (2, 1002, 1300)),
    )
    assert log.rows("phone", "began_s", "ended_s")[2:] == [(2, 1052.0, 1073.0)]
    assert (end.checkins, end.rejected) == (4, 1)


def test_too_old_a_cycle_starts_over_and_is_counted(world):
    phones = world.population(2)
    rules = RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1)
    # Phone 1 is late by its window's end at 105, keeps base 0, and finds version 2 at 3000.
    end, log = run(
        phones,
        rules,
        world.EveryKth(max_age=1),
        world.FixedSize(),
        world.Learner(world.one_row_each(2)),
        windows=world.windows(
            (1, 10, 25), (0, 200, 300), (0, 400, 500), (1, 3000, 3100), (1, 4000, 4100)
        ),
    )
    assert log.rows("phone", "shape", "base", "version")[0] == (1, "-v[!", 0, 0)
    assert log.rows("phone", "shape", "base", "version")[3] == (1, "-v[]+^", 2, 2)
    assert end.cycles_abandoned == 1


def test_a_late_upload_is_sent_again_without_training(world):
    # Both are selected for one upload; phone 1 is slower, so late, and keeps its stint.
    phones = replace(world.population(2), flop_per_s=np.array([10.0, 5.0]))
    rules = RoundRules(
        goal=1, over_selection=2.0, deadline_s=100.0, minimum=1, selection_timeout_s=1000.0
    )
    learner = world.Learner(world.one_row_each(2))
    end, log = run(
        phones,
        rules,
        world.EveryKth(),
        world.FixedSize(),
        learner,
        windows=world.windows((0, 100, 300), (1, 100, 300), (1, 1000, 1200)),
    )
    assert log.rows("phone", "shape", "ended_s") == [
        (0, "-v[]+^", 121.0),
        (1, "-v[]+#", 131.0),
        (1, "-+^", 1101.0),  # selected alone when selection, open since 100, times out
    ]
    assert end.payloads.tolist() == [1, 2]
    again = learner.cohorts[1]
    assert [(s.nth, s.ended_s) for s in again.uploads[0].stints] == [(0, 130.0)]
    assert (again.uploads[0].nth, again.uploads[0].base) == (1, 0)
    assert [(d.phone, d.shape, d.at_s) for d in again.dropouts] == [(1, "-v[]+#", 131.0)]


def test_the_cap_counts_every_payload_that_left_the_phone(world):
    phones = replace(world.population(2), flop_per_s=np.array([10.0, 5.0]))
    rules = RoundRules(goal=1, over_selection=2.0, deadline_s=100.0, minimum=1)
    end, _ = run(
        phones,
        rules,
        world.EveryKth(),
        world.FixedSize(),
        world.Learner(world.one_row_each(2)),
        terms=Terms(AdmissionRules(max_uploads=1), pace=PACE),
        windows=world.windows((0, 100, 300), (1, 100, 300), (0, 900, 990), (1, 1000, 1200)),
    )
    assert end.payloads.tolist() == [1, 1]  # the late one of phone 1 counts too
    assert end.checkins == 2


def test_a_phone_without_text_does_nothing(world, two_phones):
    phones, rules = two_phones
    text = replace(
        world.one_row_each(2), first=np.array([0, 0, 1]), time_s=np.zeros(1), tokens=np.array([10])
    )
    end, log = run(
        phones,
        rules,
        world.EveryKth(),
        world.FixedSize(),
        world.Learner(text),
        windows=world.windows((0, 100, 300), (1, 150, 300)),
    )
    assert log.column("phone").tolist() == [1]
    assert end.checkins == 1


def test_a_schedule_that_rests_trains_in_the_upload_window_alone(world, two_phones):
    _, rules = two_phones
    learner = world.Learner(world.one_row_each(1))
    end, log = run(
        world.population(1),
        rules,
        world.EveryKth(k=3, rests=True),
        world.FixedSize(),
        learner,
        windows=world.windows(
            (0, 100, 200), (0, 1000, 1100), (0, 2000, 2020.5),
            (0, 3000, 3100), (0, 4000, 4100), (0, 5000, 5100), (0, 6000, 6100),
        ),
    )  # fmt: skip
    # The third window ends half a second into the upload; the next sends what is trained already.
    # Then two windows of rest before another cycle's only download and training.
    assert log.rows("shape", "base", "began_s", "ended_s", "used_in") == [
        ("-v[]+!", 0, 2000.0, 2020.5, -1),
        ("-+^", 0, 3000.0, 3001.0, 1),
        ("-v[]+^", 1, 6000.0, 6021.0, 2),
    ]
    assert [len(cohort.uploads[0].stints) for cohort in learner.cohorts] == [1, 1]
    assert end.checkins == 3


def test_a_schedule_that_rebases_downloads_in_every_window_and_keeps_each_stints_version(world):
    learner = world.Learner(world.one_row_each(2))
    _, log = run(
        world.population(2),
        RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1),
        world.EveryKth(k=3, rebases=True),
        world.FixedSize(),
        learner,
        windows=world.windows(
            (0, 120, 190), (0, 1000, 1100), (0, 3000, 3100),
            (1, 100, 150), (1, 200, 250), (1, 280, 330),
            (1, 1500, 1550), (1, 1600, 1650), (1, 1700, 1750),
        ),
    )  # fmt: skip
    # A model of 1,000 bytes and a stint take 10 s each, an upload of 100 bytes 1 s. Phone 1 finds
    # nothing newer than it holds in its second and third window; phone 0 does, each time.
    columns = ("phone", "shape", "base", "began_s", "ended_s", "download_bytes", "used_in")
    assert sorted(log.rows(*columns)) == [
        (0, "-v[]+^", 2, 3000.0, 3021.0, 1000, 3),
        (0, "v[]", 0, 120.0, 140.0, 1000, -1),
        (0, "v[]", 1, 1000.0, 1020.0, 1000, -1),
        (1, "-[]+^", 0, 280.0, 291.0, 0, 1),
        (1, "-[]+^", 1, 1700.0, 1711.0, 0, 2),
        (1, "[]", 0, 200.0, 210.0, 0, -1),
        (1, "[]", 1, 1600.0, 1610.0, 0, -1),
        (1, "v[]", 0, 100.0, 120.0, 1000, -1),
        (1, "v[]", 1, 1500.0, 1520.0, 1000, -1),
    ]
    made = [[stint.version for stint in cohort.uploads[0].stints] for cohort in learner.cohorts]
    assert made == [[0, 0, 0], [1, 1, 1], [0, 1, 2]]
    # What phone 0 trained from version 0 is replayed from there: it may not go before version 3.
    assert [cohort.oldest_version for cohort in learner.cohorts] == [0, 0, 3]
    assert [cohort.uploads[0].base for cohort in learner.cohorts] == [0, 1, 2]


def test_measured_sizes_are_asked_for_before_uploads_are_priced(world, two_phones):
    phones, rules = two_phones
    learner = world.Learner(world.one_row_each(2), answers=frozenset({"bytes"}))
    codec = world.FixedSize(size="measured")
    _, log = run(
        phones,
        rules,
        world.EveryKth(),
        codec,
        learner,
        windows=world.windows((0, 100, 300), (1, 500, 700)),
    )
    assert [(a.phone, a.session) for a in learner.expected] == [(0, 0), (1, 1)]
    assert log.rows("upload_bytes", "upload_s") == [(50, 0.5), (60, 0.6)]


def test_a_round_below_its_minimum_makes_no_version(world):
    phones = replace(world.population(2), flop_per_s=np.array([10.0, 0.01]))
    rules = RoundRules(goal=2, over_selection=1.0, deadline_s=60.0, minimum=2)
    learner = world.Learner(world.one_row_each(2))
    with pytest.warns(GboardSimWarning, match="only 1 of 2 phones"):
        end, log = run(
            phones,
            rules,
            world.EveryKth(),
            world.FixedSize(),
            learner,
            windows=world.windows((0, 100, 300), (1, 100, 200)),
        )
    assert (end.versions, end.abandoned, learner.cohorts) == (0, 1, [])
    assert log.rows("shape", "tokens") == [("-v[]+#", 10), ("-v[!", 0)]


@pytest.mark.parametrize(("phones", "key"), [(5, "protocol.goal"), (30, "protocol.deadline_s")])
def test_what_cannot_work_is_refused_by_name(world, phones, key):
    rules = RoundRules(goal=10, deadline_s=20.0)
    with pytest.raises(ExperimentError, match=key):
        run(
            world.population(phones),
            rules,
            world.EveryKth(),
            world.FixedSize(),
            world.Learner(world.one_row_each(phones)),
            windows=world.windows((0, 1, 2)),
        )


@pytest.fixture(scope="module")
def default_mix():
    return load_fleet("default", catalogue.read)


def default_run(world, mix, schedule, *, phones=400, days=2.0, goal=8, **options):
    works = (LocalWork(1, None, 8, 0.1), LocalWork(None, 6, 8, 0.1), LocalWork(1, None, 8, 0.1, 20))
    learner = options.pop("learner", None) or world.Learner(
        plausible_typing(phones, days, 5, at_start=0.3), model_bytes=5_649_000
    )
    rules = RoundRules(goal=goal, minimum=goal // 2, deadline_s=120.0, selection_timeout_s=1800.0)
    end, log = run(
        populate(mix, phones, 5),
        rules,
        replace(schedule, works=works),
        world.FixedSize(5_649_000),
        learner,
        seed=5,
        days=days,
        flop_per_token=8.5e6,
        terms=Terms(),
        **options,
    )
    return end, log, learner


def same(one, other):
    for block in Sessions.__dataclass_fields__:
        np.testing.assert_array_equal(one.column(block), other.column(block))


@pytest.mark.parametrize(("k", "goal"), [(1, 8), (3, 2)])
def test_neither_lookahead_nor_stretches_change_a_bit(world, default_mix, k, goal):
    schedule = world.EveryKth(k=k, max_age=5)
    end, log, learner = default_run(world, default_mix, schedule, goal=goal)
    assert end.versions > 20
    assert end.rejected > 0
    for options in ({"lookahead": 0}, {"stretch_s": 30.0}, {"stretch_s": 1.0, "lookahead": 3}):
        again, its_log, its_learner = default_run(
            world, default_mix, schedule, goal=goal, **options
        )
        same(log, its_log)
        assert learner.cohorts == its_learner.cohorts
        for mine, other in zip(astuple(end), astuple(again), strict=True):
            np.testing.assert_array_equal(mine, other)
        assert its_learner.asked == list(range(1, end.versions + 1))


def test_two_schedules_meet_the_same_world(world, default_mix):
    """The first act of every phone falls at the same moment, whatever the schedule."""
    logs = [default_run(world, default_mix, world.EveryKth(k=k), versions=40)[1] for k in (1, 4)]
    begun = []
    for log in logs:
        phone, began_s = log.column("phone"), log.column("began_s")
        first = {}
        for p, s in zip(phone.tolist(), began_s.tolist(), strict=True):
            first[p] = min(s, first.get(p, np.inf))
        begun.append(first)
    early = {p for p in begun[0] if begun[0][p] < 3600.0} & set(begun[1])
    assert len(early) > 50
    assert all(begun[0][p] == begun[1][p] for p in early)


def test_over_selection_leaves_its_surplus_unused_when_nothing_fails(world):
    # 130 of 130 phones arrive for 100 uploads: 1 - 1 / 1.3 = 23.1% are turned down.
    phones = replace(world.population(130), flop_per_s=np.linspace(5.0, 10.0, 130))
    rules = RoundRules(goal=100, over_selection=1.3, deadline_s=1000.0, minimum=1)
    _, log = run(
        phones,
        rules,
        world.EveryKth(),
        world.FixedSize(),
        world.Learner(world.one_row_each(130)),
        windows=world.windows(*((p, 100 + p, 9000) for p in range(130))),
    )
    shapes, counts = np.unique(log.column("shape"), return_counts=True)
    assert dict(zip(shapes.tolist(), counts.tolist(), strict=True)) == {"-v[]+^": 100, "-v[]+#": 30}
    assert counts[0] / 130 == pytest.approx(1 - 1 / 1.3)  # '#' sorts before '^'


def test_the_run_stops_at_versions_budgets_and_the_learners_word(world, default_mix):
    schedule = world.EveryKth()
    assert default_run(world, default_mix, schedule, versions=7)[0].stop_reason == "versions"
    spent, _, _ = default_run(
        world,
        default_mix,
        schedule,
        budgets={"uplink_mb_per_phone": 2.0, "energy_j_per_phone": 1e9},
    )
    assert spent.stop_reason == "budget:uplink_mb_per_phone"
    assert spent.upload_bytes.mean() / 1e6 == pytest.approx(2.25, abs=0.25)
    trained, _, learner = default_run(
        world, default_mix, schedule, budgets={"trained_tokens": 100_000}
    )
    tokens = [sum(s.tokens for u in cohort.uploads for s in u.stints) for cohort in learner.cohorts]
    assert trained.stop_reason == "budget:trained_tokens"
    assert sum(tokens[:-1]) < 100_000 <= sum(tokens)
    typing = plausible_typing(400, 2.0, 5)
    for lookahead in (0, 9):
        learner = FakeLearner(typing, 5_649_000, stop_at_version=11)
        end, _, _ = default_run(
            world, default_mix, schedule, learner=learner, evaluate_every=4, lookahead=lookahead
        )
        assert (end.stop_reason, end.versions, learner.cohorts) == ("fake", 12, 12)
