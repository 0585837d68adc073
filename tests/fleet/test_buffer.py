"""Buffers worked out by hand, and the fleet against an event-by-event asynchronous server."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from tests.fleet.reference import ACT, CLOSE, ReferencePhones, agree, random_world

SEED = 3
RETRY_S = (60.0, 400.0)


def buffered(world, population, windows, rules, *, text=None, learner=None, **options):
    """Runs a buffered fleet for a day; phones turned away return after 50 s."""
    log = []
    learner = learner or world.Learner(text or world.one_row_each(population.phones))
    settings = {
        "parameters": 1,
        "flop_per_token": 10.0,
        "seed": 1,
        "days": 1.0,
        "terms": Terms(pace=PaceRules(retry_s=(50.0, 50.0))),
        **options,
    }
    schedule = settings.pop("schedule", None) or world.EveryKth(keeps_unsent=False)
    codec = world.FixedSize()
    end = simulate(
        population, rules, schedule, codec, learner, windows=windows, log=log.append, **settings
    )
    return end, log, learner


def rows(log, *names):
    return [
        row
        for block in log
        for row in zip(*(getattr(block, name).tolist() for name in names), strict=True)
    ]


@pytest.fixture
def three_phones(world):
    """Sessions of 21, 31 and 61 s: 10 to download, 10, 20 and 50 to train, 1 to upload."""
    return replace(world.population(3), flop_per_s=np.array([10.0, 5.0, 2.0]))


def three_windows(world):
    return world.windows((0, 100, 200), (0, 210, 300), (1, 100, 200), (1, 210, 300), (2, 105, 400))


def test_a_buffer_of_two_worked_out_by_hand(world, three_phones):
    # All three train at once, from 100, 100 and 105: the uploads arrive at 121, 131 and 166. The
    # buffer is full at 131. Phones 0 and 1 come back at 210 and work from version 1 until 231 and
    # 241. Phone 2's upload of version 0 and phone 0's make version 2 at 231; phone 1's stays over.
    rules = BufferRules(goal=2, concurrency=3, staleness_exponent=0.5)
    end, log, learner = buffered(world, three_phones, three_windows(world), rules)
    assert rows(log, "phone", "shape", "version", "base", "began_s", "ended_s")[:4] == [
        (0, "-v[]+^", 0, 0, 100.0, 121.0),
        (1, "-v[]+^", 0, 0, 100.0, 131.0),
        (2, "-v[]+^", 0, 0, 105.0, 166.0),
        (0, "-v[]+^", 1, 1, 210.0, 231.0),
    ]
    assert rows(log, "phone", "used_in")[:4] == [(0, 1), (1, 1), (2, 2), (0, 2)]
    first, second = learner.cohorts
    assert (first.makes_version, first.closed_s, first.weights) == (1, 131.0, (1.0, 1.0))
    assert (second.makes_version, second.closed_s) == (2, 231.0)
    # In phone order: phone 0 worked from version 1, phone 2 from 0, which is one version stale.
    assert [(u.phone, u.base) for u in second.uploads] == [(0, 1), (2, 0)]
    assert second.weights == (1.0, 2.0**-0.5)
    assert first.oldest_version == 0  # phone 2 still trains on it
    assert (end.versions, end.rounds, end.abandoned) == (2, 2, 0)


def test_no_more_phones_work_at_once_than_the_concurrency_says(world, three_phones):
    # One at a time: phone 0 from 100 to 121. Phones 1 and 2 are told to return after 50 s; at 150
    # phone 1 gets in until 181, phone 2, which calls at 155, only at 205 when phone 1 is gone.
    rules = BufferRules(goal=3, concurrency=1)
    windows = world.windows((0, 100, 130), (1, 100, 200), (2, 105, 400))
    end, log, learner = buffered(world, three_phones, windows, rules)
    assert rows(log, "phone", "began_s", "ended_s", "used_in") == [
        (0, 100.0, 121.0, 1),
        (1, 150.0, 181.0, 1),
        (2, 205.0, 266.0, 1),
    ]
    assert (end.checkins, end.rejected, end.turned_away) == (6, 3, 0)
    assert learner.cohorts[0].closed_s == 266.0


def test_a_place_is_free_again_at_the_instant_at_which_a_session_ends(world, three_phones):
    rules = BufferRules(goal=2, concurrency=1)
    windows = world.windows((0, 100, 121), (1, 121, 200))
    end, log, _ = buffered(world, three_phones, windows, rules)
    assert rows(log, "phone", "began_s", "used_in") == [(0, 100.0, 1), (1, 121.0, 1)]
    assert end.rejected == 0


@pytest.mark.parametrize(("limit", "shape"), [(None, "-v[]+^"), (1, "-v[]+^"), (0, "-v[]+#")])
def test_an_upload_that_is_too_stale_is_rejected(world, three_phones, limit, shape):
    rules = BufferRules(goal=1, concurrency=3, max_staleness=limit, staleness_exponent=1.0)
    windows = world.windows((0, 100, 200), (2, 105, 400), (1, 500, 600))
    _, log, learner = buffered(world, three_phones, windows, rules)
    # Phone 2 lands at 166, one version after phone 0 made one of its own at 121.
    assert rows(log, "phone", "shape") == [(0, "-v[]+^"), (2, shape), (1, "-v[]+^")]
    if limit == 0:
        assert [c.uploads[0].phone for c in learner.cohorts] == [0, 1]
        lost = learner.cohorts[1].dropouts
        assert [(d.phone, d.shape, d.at_s) for d in lost] == [(2, "-v[]+#", 166.0)]
        assert [stint.tokens for stint in lost[0].stints] == [10]
    else:
        assert [c.weights for c in learner.cohorts] == [(1.0,), (0.5,), (1.0,)]


@pytest.mark.parametrize("exponent", [0.0, 0.5, 2.0])
def test_weights_are_messages_times_the_staleness_discount(world, exponent):
    # Phone 1 has three messages and takes so long that phone 0 makes two versions meanwhile.
    phones = replace(world.population(2), flop_per_s=np.array([10.0, 0.6]))
    text = replace(
        world.one_row_each(2),
        first=np.array([0, 1, 4]),
        time_s=np.zeros(4),
        tokens=np.array([10, 20, 30, 10]),
    )
    windows = world.windows((0, 100, 200), (0, 210, 300), (1, 100, 5000))
    rules = BufferRules(goal=1, concurrency=2, staleness_exponent=exponent)
    _, _, learner = buffered(world, phones, windows, rules, text=text)
    assert [(c.uploads[0].phone, c.weights) for c in learner.cohorts] == [
        (0, (1.0,)),
        (0, (1.0,)),
        (1, (pytest.approx(3.0 * 3.0**-exponent),)),
    ]


def test_a_phone_gives_one_upload_to_a_buffer(world, three_phones):
    # Phone 0 could be back at 210 and at 310: its first upload is still in the buffer, so that it
    # is turned away, and comes back every 50 s while its window lasts. Phone 1 fills the buffer at
    # 431; at 460 phone 0 is taken again.
    windows = world.windows((0, 100, 130), (0, 210, 500), (1, 400, 450))
    rules = BufferRules(goal=2, concurrency=3)
    end, log, _ = buffered(world, three_phones, windows, rules)
    assert rows(log, "phone", "began_s", "used_in")[:2] == [(0, 100.0, 1), (1, 400.0, 1)]
    assert rows(log, "phone", "began_s")[2] == (0, 460.0)
    assert (end.rejected, end.turned_away) == (5, 5)  # at 210, 260, 310, 360 and 410


def test_whoever_lands_after_the_last_version_is_not_used(world, three_phones):
    windows = world.windows((0, 100, 200), (2, 105, 400))
    rules = BufferRules(goal=1, concurrency=3)
    end, log, _ = buffered(world, three_phones, windows, rules, versions=1)
    assert rows(log, "phone", "shape", "ended_s", "used_in") == [
        (0, "-v[]+^", 121.0, 1),
        (2, "-v[]+#", 166.0, -1),
    ]
    assert (end.stop_reason, end.ended_s, end.versions) == ("versions", 121.0, 1)


def test_a_phone_that_was_too_stale_sends_again_what_it_kept_if_its_schedule_says_so(
    world, three_phones
):
    schedule = world.EveryKth(keeps_unsent=True, max_age=None)
    windows = world.windows((0, 100, 200), (2, 105, 300), (2, 400, 500))
    rules = BufferRules(goal=1, concurrency=3, max_staleness=0)
    _, log, _ = buffered(world, three_phones, windows, rules, schedule=schedule)
    assert rows(log, "phone", "shape", "base", "download_bytes") == [
        (0, "-v[]+^", 0, 1000),
        (2, "-v[]+#", 0, 1000),
        (2, "-+#", 0, 0),  # and is as stale as before: only `max_age` lets it start over
    ]


class Reference(ReferencePhones):
    """An asynchronous server, event by event."""

    def __init__(self, *phones, rules, apart, most, versions, **settings):
        super().__init__(*phones, **settings)
        self.rules, self.apart, self.most, self.last = rules, apart, most, versions
        self.at_work, self.turned_away = 0, 0
        self.buffer, self.cohorts = [], []
        self.used = [[] for _ in self.windows]

    @property
    def over(self):
        return self.version == self.last

    def accepts(self, at_s, phone, window_end_s):
        if self.at_work == self.rules.concurrency:
            return False
        if self.used[phone] and self.version + 1 - self.used[phone][-1] < self.apart:
            self.turned_away += 1
            return False
        self.at_work += 1
        base = self.phones[phone]["base"]
        base = self.version if base is None else base
        ended_s, arrived, finish = self.session(phone, at_s, at_s, window_end_s, True)
        self.push(ended_s, CLOSE, phone, base, arrived, finish)
        return True

    def run(self):
        while self.queue:
            at_s, kind, *what = self.pop_event()
            if kind == CLOSE:
                self.land(at_s, *what)
            elif kind == ACT and at_s < self.end_s and not self.over:
                self.act(at_s, *what)
        return self

    def land(self, at_s, phone, base, arrived, finish):
        self.at_work -= 1
        stale, limit = self.version - base, self.rules.max_staleness
        taken = arrived and not self.over and at_s < self.end_s
        if taken and (limit is None or stale <= limit):
            finish(self.version + 1)
            self.used[phone].append(self.version + 1)
            self.buffer.append((phone, (1 + stale) ** -self.rules.staleness_exponent))
        else:
            finish(-1)
        if self.most is None or len(self.used[phone]) < self.most:
            self.free(phone, at_s)
        if len(self.buffer) == self.rules.goal:
            self.cohorts.append((at_s, sorted(self.buffer)))
            self.buffer, self.version = [], self.version + 1


@pytest.mark.parametrize("case", range(12))
def test_the_fleet_agrees_with_an_event_by_event_server(world, case):
    rng = np.random.default_rng(100 + case)
    days = 0.5
    population, text, works, windows = random_world(world, rng, 60, days)
    rules = BufferRules(
        goal=[4, 1, 7][case % 3],
        concurrency=[3, 8, 20, 1][case % 4],
        staleness_exponent=0.5,
        max_staleness=[None, 0, 2][case // 4],
    )
    schedule = world.EveryKth(
        k=[1, 2, 3][case % 3],
        keeps_unsent=case % 4 != 0,
        max_age=[None, 3, 10, 1][case % 4],
        works=works,
    )
    bounds = {
        "separation_versions": [1, 3][case % 2],
        "max_participations": [None, None, 4][case % 3],
    }
    again_s = [np.inf, 70.0, 400.0][case // 2 % 3]
    cap, versions = [None, None, 9][case // 4], [None, 12][case % 5 == 4]
    expected = Reference(
        population,
        windows,
        text,
        schedule,
        rules=rules,
        days=days,
        cap=cap,
        apart=bounds["separation_versions"],
        most=bounds["max_participations"],
        versions=versions,
        seed=SEED,
        retry_s=RETRY_S,
        again_s=again_s,
    ).run()
    end, log, learner = buffered(
        world,
        population,
        world.windows(*((p, *w) for p, mine in enumerate(windows) for w in mine)),
        rules,
        learner=world.Learner(text),
        schedule=schedule,
        seed=SEED,
        days=days,
        versions=versions,
        terms=Terms(
            AdmissionRules(max_uploads=cap, **bounds),
            pace=PaceRules(retry_s=RETRY_S),
            again_s=again_s,
        ),
        weights="uniform",
    )
    assert end.versions == expected.version > 0
    assert (end.rejected, end.turned_away) == (expected.rejected, expected.turned_away)
    assert end.cycles_abandoned == expected.abandoned_cycles
    agree(log, end, expected, 40)
    for mine, (closed_s, uploads) in zip(learner.cohorts, expected.cohorts, strict=True):
        assert mine.closed_s == pytest.approx(closed_s, abs=1e-6)
        assert [u.phone for u in mine.uploads] == [phone for phone, _ in uploads]
        assert mine.weights == pytest.approx([weight for _, weight in uploads])
