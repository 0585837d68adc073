"""The trigger of a finished run: chosen on validation users, judged on test users."""

import numpy as np
import pytest

from gboard_sim.keyboard.proposals import FEATURES, Proposals
from gboard_sim.trials.trigger import CLICKS_KEPT, chosen, judged, trigger


def people(seed, size=400, law=2.0, score=0.0):
    """Proposals whose clicks follow one feature, which is not the score."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(size, len(FEATURES)))
    features[:, 0] = 1.0
    follows = law * features[:, FEATURES.index("person_clicked")]
    follows = follows + score * features[:, FEATURES.index("score")] - 1.0
    clicked = draw.random(size) < 1 / (1 + np.exp(-follows))
    return Proposals(features, clicked, np.arange(0, size + 1, 8), 4 * size)


def test_what_phones_learn_beats_the_models_score_alone_where_people_differ():
    found = judged(people(1, 4000), people(2), people(3), seed=1)
    weights = found["weights"]
    assert weights["person_clicked"] == pytest.approx(2.0, abs=0.4)
    assert abs(weights["hour_sine"]) < 0.3
    assert found["precision_with"] > 1.3 * found["precision_without"]
    assert found["precision_score_alone"] == pytest.approx(found["precision_without"], abs=0.1)
    assert 0.65 < found["clicks_kept"] <= 1
    assert found["precision_with_low"] < found["precision_with"]
    curve = found["curve"]
    assert curve[-1]["retained"] == 1.0
    assert curve[-1]["precision"] == found["precision_without"]
    assert curve[0]["precision"] > curve[-1]["precision"]


def test_test_users_choose_nothing():
    """Other labels of theirs change what is read, and no choice."""
    fleet, validation, test = people(1, 1000), people(2), people(3)
    other = Proposals(test.features, ~test.clicked, test.first, test.boundaries)
    one, two = (judged(fleet, validation, each, 1) for each in (test, other))
    assert all(one[key] == two[key] for key in ("threshold", "learning_rate", "weights", "shown"))
    assert one["precision_with"] == pytest.approx(1 - two["precision_with"])


def test_the_threshold_keeps_the_wanted_share_of_the_clicks_and_is_the_highest_that_does():
    chance = np.linspace(0, 1, 50)
    clicked = np.arange(50) % 3 == 0
    threshold = chosen(chance, clicked)
    assert clicked[chance >= threshold].sum() >= CLICKS_KEPT * clicked.sum()
    assert clicked[chance > threshold].sum() < CLICKS_KEPT * clicked.sum()


@pytest.mark.parametrize(("clicks", "kept"), [(5, 4), (10, 8), (11, 9)])
def test_no_click_more_than_needed_is_kept(clicks, kept):
    chance = np.linspace(0.1, 0.9, clicks)
    assert (chance >= chosen(chance, np.ones(clicks, dtype=bool))).sum() == kept


def test_without_clicks_there_is_no_trigger():
    bare = people(1)
    bare = Proposals(bare.features, np.zeros_like(bare.clicked), bare.first, bare.boundaries)
    assert judged(bare, people(2), people(3), 1) is None
    assert judged(people(1), people(2), bare, 1) is None


def test_a_finished_runs_phones_train_one(smoke):
    found = trigger(smoke.directory.path, smoke.directory / "artefacts", messages=300)
    assert 0.1 < found["proposed"] / found["boundaries"] < 0.3
    assert 0 < found["shown"] <= found["proposed"] <= found["boundaries"]
    assert set(found["weights"]) == set(FEATURES)
    assert found["weights"]["hour_sine"] == 0  # synthetic text has no times
    again = trigger(smoke.directory.path, smoke.directory / "artefacts", messages=300)
    assert again == found
