"""What a keyboard proposes and what a phone knows of it, on a model written by hand."""

from math import log, nan

import numpy as np
import pytest

from gboard_sim.keyboard.proposals import FEATURES, PROPOSED, baseline, proposals

BEST = {
    (): [("how", log(0.5)), ("hi", log(0.25))],
    ("how",): [("are", log(0.2)), ("is", log(0.05))],
    ("how", "are"): [("you", log(0.09)), ("we", log(0.08))],  # too rare to propose
}
FRIDAY_6H = 1 * 86400.0 + 6 * 3600  # 2 January 1970


def ranked(before, k):
    return BEST.get(tuple(before), [])[:k]


def column(found, name):
    return found.features[:, FEATURES.index(name)]


@pytest.fixture
def two():
    """A person of two messages, and one of none and one message."""
    return proposals(
        ranked,
        [
            [(["how", "are"], FRIDAY_6H), (["hi"], FRIDAY_6H + 86400)],
            [],
            [(["how"], nan)],
        ],
        log(0.1),
    )


def test_words_are_proposed_at_every_boundary_where_they_are_probable_enough(two):
    # "how" before each message, "are" after "how", nothing after "how are" and after "hi".
    assert two.boundaries == 3 + 2 + 2
    assert two.clicked.tolist() == [True, True, False, True, False]
    assert two.first.tolist() == [0, 3, 3, 5]
    assert two.features.shape == (5, len(FEATURES))
    assert np.isfinite(two.features).all()


def test_the_score_is_the_models_log_odds_and_the_margin_is_over_the_second(two):
    assert column(two, "score") == pytest.approx([0.0, log(0.2 / 0.8), 0.0, 0.0, log(0.2 / 0.8)])
    assert column(two, "margin") == pytest.approx([log(2), log(4), log(2), log(2), log(4)])
    assert column(two, "words_before") == pytest.approx([0, log(2), 0, 0, log(2)])
    assert column(two, "letters") == pytest.approx([0.3] * 5)


def test_the_past_is_that_of_the_same_person_and_never_of_what_is_asked(two):
    # Prior one click in four; then "how" clicked, "are" clicked.
    assert column(two, "person_clicked") == pytest.approx(
        [log(1 / 3), log(2 / 3), log(3 / 3), log(1 / 3), log(2 / 3)]
    )
    assert column(two, "person_seen") == pytest.approx([0, log(2), log(3), 0, log(2)])
    assert column(two, "word_clicked") == pytest.approx(
        [log(1 / 3), log(1 / 3), log(2 / 3), log(1 / 3), log(1 / 3)]
    )
    assert column(two, "word_seen") == pytest.approx([0, 0, log(2), 0, 0])


def test_the_clock_is_a_circle_and_unknown_times_say_nothing(two):
    assert column(two, "hour_sine") == pytest.approx([1, 1, 1, 0, 0], abs=1e-9)
    assert column(two, "hour_cosine") == pytest.approx([0, 0, 0, 0, 0], abs=1e-9)
    assert column(two, "weekend").tolist() == [0, 0, 1, 0, 0]


def test_nobody_and_a_model_without_words():
    assert proposals(ranked, [], 0.0).features.shape == (0, len(FEATURES))
    assert len(proposals(lambda *_: [], [[(["hi"], nan)]], 0.0).clicked) == 0
    alone = proposals(lambda *_: [("hi", 0.0)], [[(["hi"], nan)]], 0.0)
    assert alone.clicked.tolist() == [True, False]
    assert np.isfinite(alone.features).all()


def test_the_baseline_proposes_at_the_wanted_share_of_the_boundaries():
    chances = iter(np.random.default_rng(1).random(1000))
    found = baseline(lambda *_: [("hi", log(next(chances)))], [["a"] * 9] * 100)
    assert found == pytest.approx(log(1 - PROPOSED), abs=0.05)
