"""Versions judged on phones: what is asked, paid and counted, and what it leaves alone."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms

REPORT_BYTES = 96
ONE_BY_ONE = RoundRules(goal=1, over_selection=1.0, deadline_s=100.0, minimum=1)


def run(world, population, windows, rules, evaluation, *, text=None, schedule=None, **options):
    log = []
    text = text or world.one_row_each(population.phones)
    if text.held_out is None:
        text = replace(text, held_out=np.full(population.phones, 30))
    learner = world.Learner(text)
    settings = {"parameters": 1, "flop_per_token": 10.0, "seed": 1, "days": 1.0, **options}
    end = simulate(
        population,
        rules,
        schedule or world.EveryKth(),
        world.FixedSize(),
        learner,
        terms=Terms(pace=PaceRules(retry_s=(50.0, 50.0)), evaluation=evaluation),
        windows=windows,
        log=log.append,
        **settings,
    )
    return end, log, learner


def rows(log, *names):
    return [
        row
        for block in log
        for row in zip(*(getattr(block, name).tolist() for name in names), strict=True)
    ]


def test_an_evaluation_worked_out_by_hand(world):
    # Version 0 is judged first: two phones are wanted. They are configured at 120 and download for
    # 10 s. Scoring 30 tokens at a third of the operations of training takes phone 0 10 s, phone 1
    # 20 s; 96 bytes of report take 0.96 s. Phone 2 trains meanwhile.
    phones = replace(world.population(3), flop_per_s=np.array([10.0, 5.0, 10.0]))
    windows = world.windows((0, 100, 200), (1, 120, 250), (2, 125, 300))
    evaluation = EvaluationRules(every=10, goal=2, over_selection=1.0, deadline_s=60.0)
    end, log, learner = run(world, phones, windows, ONE_BY_ONE, evaluation)
    assert rows(log, "phone", "task", "shape", "began_s", "wait_s", "version", "used_in") == [
        (0, "evaluate", "-v[]+^", 100.0, 20.0, 0, -1),
        (1, "evaluate", "-v[]+^", 120.0, 0.0, 0, -1),
        (2, "train", "-v[]+^", 125.0, 0.0, 0, 1),
    ]
    assert rows(log, "ended_s") == [
        (pytest.approx(140.96),), (pytest.approx(150.96),), (146.0,),
    ]  # fmt: skip
    names = ("download_bytes", "upload_bytes", "tokens", "left_phone")
    assert rows(log, *names) == [
        (1000, REPORT_BYTES, 30, False),
        (1000, REPORT_BYTES, 30, False),
        (1000, 100, 10, True),
    ]
    trained, judged = learner.cohorts
    assert (trained.task, judged.task) == ("train", "evaluate")
    assert (judged.makes_version, judged.closed_s) == (0, pytest.approx(150.96))
    assert [(u.phone, u.payload_bytes, u.nth) for u in judged.uploads] == [(0, 96, 0), (1, 96, 0)]
    assert judged.weights == (1.0, 1.0)
    assert (end.evaluations, end.versions, end.rounds) == (1, 1, 1)
    assert end.participations.tolist() == [0, 0, 1]
    assert end.payloads.tolist() == [0, 0, 1]  # no update left phones 0 and 1
    assert end.upload_bytes.tolist() == [96, 96, 100]


@pytest.mark.parametrize(
    ("goal", "deadline_s", "closed_s", "judges"),
    [(1, 60.0, 140.96, [0]), (2, 60.0, 150.96, [0, 1]), (3, 60.0, 180.0, [0, 1]),
     (2, 25.0, 145.0, [0]), (2, 5.0, None, [])],
)  # fmt: skip
def test_an_evaluation_closes_at_its_goal_or_its_deadline(
    world, goal, deadline_s, closed_s, judges
):
    phones = replace(world.population(3), flop_per_s=np.array([10.0, 5.0, 0.1]))
    windows = world.windows((0, 100, 600), (1, 110, 600), (2, 120, 600))
    evaluation = EvaluationRules(every=10, goal=goal, over_selection=3.0 / goal)
    evaluation = replace(evaluation, deadline_s=deadline_s)
    end, log, learner = run(world, phones, windows, ONE_BY_ONE, evaluation)
    found = [(c.closed_s, [u.phone for u in c.uploads]) for c in learner.cohorts]
    assert found == ([] if closed_s is None else [(pytest.approx(closed_s), judges)])
    marks = {phone: shape[-1] for phone, shape in rows(log, "phone", "shape")}
    late = {phone: "!" if phone == 2 else "#" for phone in range(3)}
    assert marks == {**late, **dict.fromkeys(judges, "^")}
    assert end.evaluations == (closed_s is not None)


def test_too_few_phones_judge_when_the_selection_times_out(world):
    windows = world.windows((0, 100, 2000), *((p, 5000, 6000) for p in range(1, 5)))
    evaluation = EvaluationRules(every=10, goal=5, selection_timeout_s=1000.0)
    _, log, learner = run(world, world.population(5), windows, ONE_BY_ONE, evaluation)
    assert rows(log, "phone", "task", "wait_s")[0] == (0, "evaluate", 900.0)
    assert [c.task for c in learner.cohorts] == ["evaluate", *["train"] * 4]
    assert len(learner.cohorts[0].uploads) == 1


def test_every_so_many_versions_are_judged(world):
    windows = world.windows(
        *((p, at_s + 7 * p, at_s + 7 * p + 300) for p in range(4) for at_s in range(100, 9000, 400))
    )
    evaluation = EvaluationRules(every=4, goal=1, over_selection=1.0)
    end, _, learner = run(world, world.population(4), windows, ONE_BY_ONE, evaluation)
    judged = [c.makes_version for c in learner.cohorts if c.task == "evaluate"]
    made = [c.makes_version for c in learner.cohorts if c.task == "train"]
    assert made == list(range(1, end.versions + 1))
    assert len(judged) == end.evaluations > 5
    # A version is judged as soon as it is there, or the next one when two come at once.
    assert [version // 4 for version in judged] == list(range(len(judged)))
    for at, cohort in enumerate(learner.cohorts):
        if cohort.task == "evaluate":  # no version is judged before it is made
            before = [c.makes_version for c in learner.cohorts[:at] if c.task == "train"]
            assert cohort.makes_version <= max(before, default=0)


def test_phones_without_held_out_text_are_not_asked(world):
    text = replace(world.one_row_each(2), held_out=np.array([0, 30]))
    windows = world.windows((0, 100, 400), (1, 150, 400))
    evaluation = EvaluationRules(every=10, goal=1, over_selection=1.0)
    _, log, _ = run(world, world.population(2), windows, ONE_BY_ONE, evaluation, text=text)
    assert (1, "evaluate") in rows(log, "phone", "task")
    assert (0, "evaluate") not in rows(log, "phone", "task")


@pytest.mark.parametrize("keeps", [True, False])
def test_a_phone_that_judges_keeps_its_stints_and_its_cycle(world, keeps):
    # Every second window uploads. Phone 0 trains offline in its first, judges in its second, and
    # uploads two stints in its third, both from the version that it downloaded first.
    windows = world.windows((0, 100, 200), (0, 1000, 1100), (0, 2000, 2100))
    schedule = world.EveryKth(k=2, keeps_unsent=keeps)
    evaluation = EvaluationRules(every=10, goal=1, over_selection=1.0)
    _, log, learner = run(
        world, world.population(1), windows, ONE_BY_ONE, evaluation, schedule=schedule
    )
    assert rows(log, "task", "shape", "base", "tokens") == [
        ("train", "v[]", 0, 10),
        ("evaluate", "-v[]+^", 0, 30),
        ("train", "-[]+^", 0, 10),
    ]
    (upload,) = learner.cohorts[-1].uploads
    assert [(s.nth, s.began_s) for s in upload.stints] == [(0, 110.0), (1, 2000.0)]
    assert upload.nth == 0


def busy_world(world, phones=30):
    rng = np.random.default_rng(8)
    made = replace(
        world.population(phones, breaks=0.05, crashes=0.05),
        flop_per_s=rng.lognormal(2.5, 0.5, phones),
    )
    found = []
    for phone in range(phones):
        at_s = rng.uniform(1, 3000)
        while at_s < 40000:
            end_s = at_s + rng.uniform(100, 2500)
            found.append((phone, round(at_s), round(end_s)))
            at_s = end_s + rng.uniform(10, 1500)
    return made, world.windows(*found)


@pytest.mark.parametrize(
    "rules",
    [
        RoundRules(goal=4, over_selection=1.5, deadline_s=100.0, minimum=2),
        BufferRules(goal=4, concurrency=6),
    ],
)
@pytest.mark.parametrize("k", [1, 3])
def test_training_goes_on_beside_evaluations(world, rules, k):
    made, windows = busy_world(world)
    schedule = world.EveryKth(k=k)
    evaluation = EvaluationRules(every=3, goal=4, deadline_s=100.0, selection_timeout_s=600.0)
    options = {"schedule": schedule, "days": 0.5}
    end, log, learner = run(world, made, windows, rules, evaluation, **options)
    without, _, _ = run(world, made, windows, rules, None, **options)
    assert end.evaluations > 5
    assert without.evaluations == 0
    assert end.versions > 0.6 * without.versions  # phones that judge do not train meanwhile
    trained = {}
    for cohort in learner.cohorts:
        if cohort.task == "train":
            for upload in cohort.uploads:
                trained.setdefault(upload.phone, []).append(upload)
    for uploads in trained.values():
        # Every stint of a phone is in one upload at most, in order; payloads are counted up.
        nths = [stint.nth for upload in uploads for stint in upload.stints]
        assert nths == sorted(set(nths))
        counts = [upload.nth for upload in uploads]
        assert counts == sorted(set(counts))
        assert all(s.version == u.base for u in uploads for s in u.stints)
    sessions = rows(log, "task", "upload_bytes", "left_phone", "used_in", "shape")
    assert {bytes_ for task, bytes_, *_ in sessions if task == "evaluate"} <= set(range(97))
    assert not any(left for task, _, left, *_ in sessions if task == "evaluate")
    reports = sum(task == "evaluate" and shape[-1] == "^" for task, *_, shape in sessions)
    assert reports == sum(len(c.uploads) for c in learner.cohorts if c.task == "evaluate")
    by_task = {t: sum(b for task, b, *_ in sessions if task == t) for t in ("train", "evaluate")}
    assert sum(by_task.values()) == end.upload_bytes.sum()
    assert min(by_task.values()) > 0
    # No snapshot goes that an upload still starts from.
    oldest = 0
    for cohort in learner.cohorts:
        if cohort.task == "train":
            assert all(upload.base >= oldest for upload in cohort.uploads)
        oldest = max(oldest, cohort.oldest_version)


@pytest.mark.parametrize("rules", [ONE_BY_ONE, BufferRules(goal=1, concurrency=1)])
def test_training_does_not_wait_for_phones_that_judge(world, rules):
    # Phones 3 and 4 hold text to judge with and never meet, so each waits while its window lasts.
    # The others train on as they would in a fleet without them and without evaluations.
    text = replace(world.one_row_each(5), held_out=np.array([0, 0, 0, 30, 30]))
    starts = [(p, at_s + 40 * p) for p in range(3) for at_s in range(100, 9000, 300)]
    trained = [(p, at_s, at_s + 90) for p, at_s in starts]
    windows = world.windows(*trained, (3, 2000, 7000), (4, 8000, 8500))
    evaluation = EvaluationRules(every=5, goal=2, over_selection=1.0, selection_timeout_s=1e5)
    _, log, learner = run(world, world.population(5), windows, rules, evaluation, text=text)
    alone = world.windows(*trained, (3, 80000, 80100), (4, 80200, 80300))
    _, without, _ = run(world, world.population(5), alone, rules, None, text=text)
    names = ("phone", "shape", "began_s", "ended_s", "version", "used_in")
    assert [row for row in rows(log, *names) if row[0] < 3] == [
        row for row in rows(without, *names) if row[0] < 3
    ]
    assert [c.makes_version for c in learner.cohorts] == list(range(1, len(starts) + 1))
    names = ("phone", "task", "shape", "began_s", "ended_s")
    assert [row for row in rows(log, *names) if row[0] > 2] == [
        (3, "evaluate", "-!", 2000.0, 7000.0), (4, "evaluate", "-!", 8000.0, 8500.0),
    ]  # fmt: skip


def test_phones_held_for_an_evaluation_when_the_run_ends_are_logged(world):
    windows = world.windows((0, 86000, 87000), (1, 100, 130))
    evaluation = EvaluationRules(every=1, goal=2, selection_timeout_s=1e6)
    end, log, _ = run(world, world.population(2), windows, ONE_BY_ONE, evaluation)
    assert end.checkins == 2
    assert rows(log, "phone", "task", "shape", "ended_s") == [
        (1, "evaluate", "-!", 130.0),
        (0, "evaluate", "-!", 86400.0),
    ]
