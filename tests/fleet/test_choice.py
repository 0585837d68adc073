"""Whom the server configures: by chance, by their last turn, and by Oort's scores."""

from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from scipy import stats

from gboard_sim.fleet.choice import ChoiceRules, Chooser
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.recorded_learner import JournaledLearner, RecordedLearner
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.simulation import simulate
from gboard_sim.fleet.terms import Terms
from gboard_sim.runlog.answers import read_outcomes
from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.records import Outcome, Sessions


def held(phones, at_s=None):
    selection = Selection()
    n = len(phones)
    at_s = np.zeros(n) if at_s is None else np.array(at_s, dtype=float)
    selection.accept(np.array(phones), at_s, np.full(n, 1e9), 0)
    return selection


def chosen(chooser, phones, wanted, version=0, at_s=None):
    selection = held(phones, at_s)
    return selection.phone[chooser.choose(selection, wanted, version)].tolist()


def test_first_come_first_served():
    chooser = Chooser(ChoiceRules(), 9, 1)
    assert chooser.pool(13) == 13
    assert chosen(chooser, [5, 3, 8], 2, at_s=[7.0, 9.0, 7.0]) == [5, 8]
    assert chosen(chooser, [5, 3, 8], 2, at_s=[7.0, 7.0, 7.0]) == [5, 3]  # by number
    assert chosen(chooser, [5, 3], 2) == [5, 3]


@pytest.mark.parametrize(("wanted", "pool", "held"), [(10, 2.0, 20), (10, 1.25, 13), (3, 1.1, 4)])
def test_the_others_choose_from_a_pool(wanted, pool, held):
    assert Chooser(ChoiceRules("uniform", pool=pool), 9, 1).pool(wanted) == held


def test_uniform_is_uniform_over_phones_and_pairs():
    chooser, phones = Chooser(ChoiceRules("uniform"), 12, 4), list(range(12))
    single, pairs, turns = Counter(), Counter(), 6000
    for _ in range(turns):
        taken = chosen(chooser, phones, 4)
        single.update(taken)
        pairs.update((a, b) for a in taken for b in taken if a < b)
    assert sum(single.values()) == 4 * turns
    assert len(pairs) == 66
    # Drawn without return, counts vary less than independent ones: by 1 - 4/12 for a phone.
    spread = np.var([single[p] for p in phones]) / (turns * (4 / 12) * (8 / 12))
    assert spread < stats.chi2.ppf(1 - 1e-6, 11) / 11
    assert stats.chisquare(list(pairs.values())).pvalue > 1e-6


def test_the_longest_waiting_come_first_and_newcomers_before_all():
    chooser = Chooser(ChoiceRules("longest_waiting"), 6, 1)
    ended_s = np.array([50.0, 20.0, 90.0, 30.0])
    chooser.participated(np.array([0, 1, 2, 3]), 1, ended_s - 5.0, ended_s)
    assert sorted(chosen(chooser, [0, 1, 2, 3, 4], 2)) == [1, 4]
    assert sorted(chosen(chooser, [0, 1, 2, 3], 3)) == [0, 1, 3]
    chooser.participated(np.array([1]), 2, np.array([95.0]), np.array([99.0]))
    assert sorted(chosen(chooser, [0, 1, 2, 3], 3)) == [0, 2, 3]
    both = Counter(chosen(chooser, [4, 5], 1)[0] for _ in range(200))
    assert min(both.values()) > 50  # who never took part is drawn


def tried(utility, versions, took_s, preferred_s=100.0):
    """A chooser that knows phones 0, 1, ... by utility, last version and last duration."""
    chooser = Chooser(ChoiceRules("utility", preferred_s=preferred_s), 50, 1)
    for phone, (version, length_s) in enumerate(zip(versions, took_s, strict=True)):
        row = np.array([phone])
        chooser.participated(row, version, np.array([10.0]), np.array([10.0 + length_s]))
    chooser.learned(dict(enumerate(utility)))
    return chooser


def test_scores_are_oorts():
    chooser = tried([6.0, 6.0, 6.0, 8.0], [1, 16, 16, 4], [100.0, 40.0, 200.0, 400.0])
    # Version 19 is the newest: 20 is about to be made.
    bonus = [sqrt(0.1 * log(20) / last) for last in (1, 16, 16, 4)]
    expected = [
        6.0 + bonus[0],  # took as long as preferred
        6.0 + bonus[1],  # no reward for being faster
        (6.0 + bonus[2]) / 4.0,  # twice as long: (1/2)^2
        (8.0 + bonus[3]) / 16.0,
    ]
    assert chooser.scores(np.arange(4), 19).tolist() == pytest.approx(expected, rel=1e-12)
    assert np.isnan(chooser.scores(np.array([7]), 19)).all()


def test_a_share_that_shrinks_goes_to_phones_that_were_never_tried():
    chooser = tried([5.0] * 20, [1] * 20, [50.0] * 20)
    for version, fresh in ((0, 9), (10, round(9 * 0.98**10)), (75, 2), (500, 2)):
        for _ in range(20):
            taken = chosen(chooser, list(range(40)), 10, version)
            assert sum(phone >= 20 for phone in taken) == fresh
    # No more of them than there are, and all of them where too few others are held.
    assert sum(phone >= 20 for phone in chosen(chooser, [*range(20), 30], 10, 0)) == 1
    assert sum(phone >= 20 for phone in chosen(chooser, [0, 1, *range(20, 40)], 10, 500)) == 8


def test_the_rest_is_drawn_by_score_from_those_near_the_best():
    # Ten are wanted, all of them known: two of the scores 20, 10 and 10 are above the cut-off of
    # 95% of the second best; the phones of 9.4 and of 1 are not.
    chooser = tried([20.0, 10.0, 10.0, 9.4, 1.0], [10**9] * 5, [50.0] * 5)
    counts = Counter()
    for _ in range(4000):
        counts.update(chosen(chooser, [4, 3, 2, 1, 0], 2, 500))
    assert set(counts) == {0, 1, 2}
    # Without return by 2:1:1: phone 0 is left out with 1/2 x 1/3 (1 first, then 2, and reversed).
    assert counts[0] / 4000 == pytest.approx(5 / 6, abs=0.03)
    assert counts[1] / 4000 == pytest.approx(7 / 12, abs=0.04)
    nothing = tried([0.0, 0.0, 0.0], [10**9] * 3, [50.0] * 3)
    assert len(chosen(nothing, [0, 1, 2], 2, 0)) == 2


class Scoring:
    """A learner that scores the phones of each cohort: high for odd ones."""

    def __init__(self, inner):
        self.inner, self.answers = inner, frozenset({"utility"})
        self.typing, self.download_bytes = inner.typing, inner.download_bytes
        self.expect, self.measure = inner.expect, inner.measure
        self.scores, self.asked = {}, []

    def step(self, cohort):
        self.scores[cohort.makes_version] = {
            upload.phone: 100.0 if upload.phone % 2 else 1.0 for upload in cohort.uploads
        }
        self.inner.step(cohort)

    def outcome(self, version):
        self.asked.append(version)
        return Outcome(version, utility=self.scores[version])


def utility_run(world, learner):
    phones = 60
    rng = np.random.default_rng(2)
    rows = [
        (phone, round(at_s), round(at_s + 2400))
        for phone in range(phones)
        for at_s in np.arange(rng.uniform(1, 3000), 86400.0, 3600.0)
    ]
    log = []
    simulate(
        world.population(phones),
        RoundRules(goal=5, over_selection=1.0, deadline_s=100.0, minimum=1),
        world.EveryKth(keeps_unsent=False),
        world.FixedSize(),
        learner,
        parameters=1,
        flop_per_token=10.0,
        seed=6,
        days=1.0,
        terms=Terms(pace=PaceRules(retry_s=(60.0, 300.0)), choice=ChoiceRules("utility", 3.0)),
        windows=world.windows(*rows),
        log=log.append,
    )
    return {name: np.concatenate([getattr(b, name) for b in log]) for name in SESSIONS}


SESSIONS = tuple(Sessions.__dataclass_fields__)


def test_utility_steers_the_choice_one_version_later_and_is_replayed(world, tmp_path):
    text = world.one_row_each(60)
    journal = Journal(tmp_path / "journal")
    scoring = Scoring(world.Learner(text))
    log = utility_run(world, JournaledLearner(scoring, journal))
    versions = max(scoring.scores)
    assert scoring.asked == list(range(1, versions + 1))  # each as soon as it is made
    assert versions > 150
    used = (log["used_in"] > versions - 50) & (log["phone"] % 2 == 1)
    # Odd phones are chosen where some are held: most have had their turn in their window.
    assert used.sum() / (log["used_in"] > versions - 50).sum() > 0.58
    for version in range(1, versions + 1):
        journal.outcome(Outcome(version, utility=scoring.scores[version]))
    recorded = read_outcomes(journal.table("answers"))
    half = versions // 2
    then = Scoring(world.Learner(text))
    again = utility_run(world, RecordedLearner(recorded, {}, half, then))
    for name in SESSIONS:
        np.testing.assert_array_equal(log[name], again[name])
    assert then.asked == list(range(half + 1, versions + 1))
    blind = utility_run(world, world.Learner(text))
    odd = blind["phone"][blind["used_in"] >= 0] % 2 == 1
    assert odd.mean() == pytest.approx(0.5, abs=0.05)
