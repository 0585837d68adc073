"""The last judgement against direct calls, and against an oracle that knows the law."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from gboard_sim.experiment.experiment import Evaluation
from gboard_sim.learning.baselines.kneser_ney_tuning import tune
from gboard_sim.learning.evaluation.evaluation import Scoring
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.law.ceiling import ceiling
from gboard_sim.learning.verdict import TRAINED_ROWS, judge

CLASSES = ("low", "high")
PHONE_CLASS = np.arange(12) % 2
SETTINGS = Evaluation(validation_messages=50, test_messages=60)


class Learner:
    """Shows what `shows` says at every word, and remembers what it was asked."""

    def __init__(self, text, shows, version=5):
        self.state = SimpleNamespace(version=version)
        self.asked = []
        self._text, self._shows = text, shows

    def scoring(self, evaluation_set):
        return Scoring.at(self.state.version, evaluation_set)

    def score(self, scoring):
        while scoring.pending:
            number, job = scoring.start()
            self.asked.append((job.name, job.version))
            words, offsets = self._text.corpus.gather(
                getattr(self._text.store, job.name).message[job.rows]
            )
            shown = self._shows(words, offsets).astype(np.int32)
            scoring.add(number, Scored(np.zeros(len(words), np.float32), shown, shown[:, 0]))
        return scoring.metrics()


def oracle(text):
    return lambda words, offsets: ceiling(text.law, words, offsets, text.known).top


def nothing(words, offsets):
    return np.full((len(words), 3), -1)


def judged(text, learner, settings=SETTINGS, ended_s=1e9):
    return judge(text, learner, settings, ended_s=ended_s, phone_class=PHONE_CLASS, classes=CLASSES)


def test_the_ceilings_own_suggestions_are_all_of_the_ceiling(text):
    verdict = judged(
        text, Learner(text, oracle(text)), SETTINGS.model_copy(update={"baselines": 0})
    )
    assert verdict.ceiling_share == pytest.approx(1.0, rel=1e-12)
    test = text.evaluation_set("test", 60)
    bound = ceiling(text.law, test.words, test.offsets, text.known)
    assert verdict.ceiling == bound.recall_at_3
    assert verdict.sets["test"].overall.recall_at_3 == test.recall(bound.top)
    assert verdict.baselines is None


def test_who_shows_nothing_has_no_share_and_a_worse_order_a_smaller_one(text):
    assert judged(text, Learner(text, nothing)).ceiling_share == 0.0

    def first_only(words, offsets):
        top = oracle(text)(words, offsets)
        top[:, 1:] = -1
        return top

    test = text.evaluation_set("test", 60)
    bound = ceiling(text.law, test.words, test.offsets, text.known)
    share = judged(text, Learner(text, first_only)).ceiling_share
    assert share == pytest.approx(bound.recall_at_1 / bound.recall_at_3)


@pytest.mark.parametrize("ended_s", [-1e9, 0.0, 1e9])
def test_baselines_count_public_text_and_what_had_been_typed_by_the_end(text, ended_s):
    store, lexicon = text.store, text.corpus
    found = judged(text, Learner(text, nothing), ended_s=ended_s).baselines
    typed = [
        word
        for row in range(store.fleet.rows)
        if text.typing.time_s[row] <= ended_s
        for word in store.fleet.words[
            store.fleet.word_offsets[row] : store.fleet.word_offsets[row + 1]
        ]
    ]
    if ended_s == -1e9:
        assert not typed
    counts = Counter([*store.public.words.tolist(), *map(int, typed)])
    in_vocabulary = [word for word in range(len(lexicon.lexicon)) if text.known[word]]
    best = sorted(in_vocabulary, key=lambda word: (-counts[word], word))[:3]
    test = text.evaluation_set("test", 60)
    hits = [word in best for word in test.words.tolist()]
    assert found.unigram == pytest.approx(sum(hits) / len(hits))

    validation = (store.validation.words, store.validation.word_offsets)
    public = (store.public.words, store.public.word_offsets)
    alone = tune(public, validation, text.known)
    assert found.ngram_public == test.recall(alone.top(test.words, test.offsets))
    rows = np.flatnonzero(text.typing.time_s <= ended_s)
    words = np.concatenate([public[0], np.array(typed, np.int32)])
    lengths = [*np.diff(public[1]), *np.diff(store.fleet.word_offsets)[rows]]
    both = tune((words, np.concatenate([[0], np.cumsum(lengths)])), validation, text.known)
    assert found.ngram == test.recall(both.top(test.words, test.offsets))
    assert found.ngram_order == both.order
    if not typed:
        assert found.ngram == found.ngram_public


def test_unseen_users_are_read_at_both_ends_and_seen_users_by_class(text):
    learner = Learner(text, nothing)
    verdict = judged(text, learner)
    assert Counter(learner.asked) == {
        ("test", 5): 1, ("later", 5): 1, ("fleet", 5): 1, ("test", 0): 1,
    }  # fmt: skip
    test, later = verdict.sets["test"], verdict.sets["later"]
    assert test.groups.keys() == {"earlier", "later"}
    assert later.groups.keys() == {"class:low", "class:high"}
    for metrics in (test, later):
        positions = [group.positions for group in metrics.groups.values()]
        assert sum(positions) == metrics.overall.positions > 0
    own = text.store.later
    of_class = PHONE_CLASS[own.owner()] == 0
    assert later.groups["class:low"].positions == np.diff(own.word_offsets)[of_class].sum()
    assert verdict.sets["fleet"].overall.positions <= TRAINED_ROWS * 100


def test_version_0_is_its_own_first_and_is_scored_once(text):
    learner = Learner(text, nothing, version=0)
    verdict = judged(text, learner)
    assert verdict.first is verdict.sets["test"]
    assert learner.asked.count(("test", 0)) == 1


def test_real_text_has_no_ceiling(text):
    verdict = judged(replace(text, law=None), Learner(text, nothing))
    assert (verdict.ceiling, verdict.ceiling_share) == (None, None)
    assert verdict.baselines.unigram > 0
