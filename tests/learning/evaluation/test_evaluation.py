"""Recall, the accuracies of others and perplexity, on positions worked out by hand."""

import numpy as np
import pytest

from gboard_sim.learning.evaluation import evaluation
from gboard_sim.learning.evaluation.evaluation import EvaluationSet, Scoring
from gboard_sim.learning.evaluation.word_scorer import Scored

# Lexicon: 0 the, 1 cat, 2 sat, 3 quokka (outside the vocabulary).
KNOWN = np.array([True, True, True, False])
# Two messages: "the cat" and "sat quokka the quokka".
WORDS = np.array([0, 1, 2, 3, 0, 3], np.int32)
OFFSETS = np.array([0, 2, 6])
SHOWN = np.array(
    [
        [0, 1, 2],  # the: first                              1 and 3
        [2, 0, 1],  # cat: third; <unk> was more probable      3
        [0, 1, -1],  # sat: not shown                          miss
        [3, 0, 1],  # quokka: shown, but nobody may show it    miss
        [1, 0, 2],  # the: second                              3
        [0, 1, 2],  # quokka: a miss whatever is shown         miss
    ],
    np.int32,
)
# The most probable symbol of all: <unk> (-1) at cat and at the last quokka.
ANSWER = np.array([0, -1, 0, 3, 1, -1], np.int32)
PROBABILITY = np.array([0.5, 0.25, 0.125, 0.5, 0.25, 2.0**-9])


def messages(groups: dict[str, list[bool]] | None = None) -> EvaluationSet:
    masks = {name: np.array(mask) for name, mask in (groups or {}).items()}
    return EvaluationSet("test", np.array([7, 9]), WORDS, OFFSETS, KNOWN, masks)


def scored(part: slice = slice(None)) -> Scored:
    return Scored(np.log(PROBABILITY[part]).astype(np.float32), SHOWN[part], ANSWER[part])


def judged(these: EvaluationSet) -> evaluation.Metrics:
    scoring = Scoring.at(3, these)
    while scoring.pending:
        number, _ = scoring.start()
        scoring.add(number, scored())
    assert scoring.complete
    return scoring.metrics()


def test_every_figure_is_that_worked_out_by_hand():
    overall = judged(messages()).overall
    assert overall.positions == 6
    assert overall.recall_at_1 == pytest.approx(1 / 6)
    assert overall.recall_at_3 == pytest.approx(3 / 6)  # the, cat, the
    # TFF: the quokkas are left out; of the, cat, sat, the only the first "the" is answered.
    assert overall.accuracy_tff == pytest.approx(1 / 4)
    # FedJAX: <unk> barred, quokkas kept as errors.
    assert overall.accuracy_fedjax == pytest.approx(1 / 6)
    assert overall.oov_share == pytest.approx(2 / 6)
    # Probabilities 2^-1, -2, -3, -1, -2, -9: mean exponent 3; without the quokkas 2.
    assert overall.perplexity == pytest.approx(8.0, rel=1e-6)
    assert overall.perplexity_in_vocabulary == pytest.approx(4.0, rel=1e-6)


def test_unk_as_the_answer_is_an_error_to_tff_where_the_strip_shows_the_word():
    # At "cat" alone: the strip leaves <unk> out and shows cat third; TFF's answer is <unk>.
    metrics = judged(messages())
    hits = messages().hits(metrics.shown)
    assert hits[1].tolist() == [False, False, True]
    assert ANSWER[1] == -1


def test_a_word_outside_the_vocabulary_is_a_miss_even_when_it_is_shown():
    assert not messages().hits(SHOWN)[3].any()
    assert messages().recall(SHOWN) == pytest.approx(3 / 6)


def test_groups_are_judged_by_their_own_messages():
    metrics = judged(messages({"first": [True, False], "none": [False, False]}))
    first = metrics.groups["first"]
    assert (first.positions, first.recall_at_3, first.oov_share) == (2, 1.0, 0.0)
    assert first.perplexity == pytest.approx(2**1.5, rel=1e-6)
    none = metrics.groups["none"]
    assert none.positions == 0
    assert np.isnan([none.recall_at_1, none.recall_at_3, none.perplexity]).all()
    rows = metrics.rows(3, "test")
    assert [row["group"] for row in rows] == ["all", "first", "none"]
    assert {(row["version"], row["set"]) for row in rows} == {(3, "test")}


def test_parts_are_put_together_in_order_whenever_they_come(monkeypatch):
    whole = judged(messages()).overall
    monkeypatch.setattr(evaluation, "ROWS", 1)
    scoring = Scoring.at(3, messages())
    jobs = [scoring.start() for _ in range(2)]
    assert not scoring.pending
    assert [(job.version, job.name, job.rows.tolist()) for _, job in jobs] == [
        (3, "test", [7]),
        (3, "test", [9]),
    ]
    scoring.add(1, scored(slice(2, 6)))
    assert not scoring.complete
    scoring.add(0, scored(slice(0, 2)))
    assert scoring.complete
    assert np.array_equal(scoring.metrics().shown, SHOWN)
    assert scoring.metrics().overall == whole


def test_an_empty_set_has_no_figures_and_needs_no_work():
    empty = EvaluationSet(
        "later", np.empty(0, np.int64), WORDS[:0], np.array([0]), KNOWN, {"low": np.empty(0, bool)}
    )
    scoring = Scoring.at(3, empty)
    assert scoring.complete
    assert not scoring.pending
    metrics = scoring.metrics()
    assert metrics.overall.positions == metrics.groups["low"].positions == 0
    assert np.isnan(metrics.overall.recall_at_3)
    assert metrics.shown.shape == (0, 3)
