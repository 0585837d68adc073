"""A phone's own training, against the same steps taken by hand and a count by the evaluation."""

import numpy as np
import pytest

from gboard_sim import export
from gboard_sim.learning.adaptation import (
    LEAST_EARLIER,
    LEAST_LATER,
    Adapted,
    adapted,
    before_and_after,
    hits,
    people,
)
from gboard_sim.trials.adaptation import adaptation, chosen, figures


@pytest.fixture(scope="module")
def opened(smoke, tmp_path_factory):
    workshop, text, _ = export.opened(smoke.directory, tmp_path_factory.mktemp("scratch"))
    return workshop, text, export.parameters_of(smoke.directory, workshop)


def test_people_train_on_what_they_are_not_judged_on(opened):
    _, text, _ = opened
    rows = text.store.test
    found = people(rows, 10**6)
    assert found
    assert [person.owner for person in people(rows, 1)] == [found[0].owner]
    for person in found:
        assert not rows.later[person.earlier].any()
        assert rows.later[person.later].all()
        assert (rows.owner()[np.append(person.earlier, person.later)] == person.owner).all()
        assert person.earlier.max() < person.later.min()
        assert len(person.earlier) >= LEAST_EARLIER
        assert np.diff(rows.word_offsets)[person.later].sum() >= LEAST_LATER


def test_hits_are_those_of_the_evaluation(opened):
    workshop, text, parameters = opened
    rows, [person, *_] = text.store.test, people(text.store.test, 1)
    whole = text.evaluation_set("test", 10**6)
    shown = workshop.scorer.score(rows, whole.rows, parameters).shown
    inside = np.repeat(np.isin(whole.rows, person.later), np.diff(whole.offsets))
    wanted = whole.hits(shown).any(axis=1)[inside].sum()
    assert hits(workshop, rows, text.known, person, parameters) == wanted > 0


def test_a_pass_learns_the_earlier_messages_and_leaves_the_phones_model_as_it_was(opened):
    workshop, text, parameters = opened
    rows, [person, *_] = text.store.test, people(text.store.test, 1)
    before = parameters.copy()
    after = adapted(workshop, rows, person, parameters, 0.2)
    assert (parameters == before).all()
    assert (adapted(workshop, rows, person, parameters, 0.0) == parameters).all()
    batch = rows.token_store().pack(person.earlier, workshop.spec.lane)

    def loss(values):
        return (
            -workshop.trainer.score(values, batch).log_probability.ravel()[batch.positions].mean()
        )

    assert loss(after) < loss(parameters)


def test_nothing_changes_without_a_step(opened):
    workshop, text, parameters = opened
    chosen_people = people(text.store.test, 2)
    for [own] in before_and_after(
        workshop, text.store.test, text.known, chosen_people, parameters, [0.0]
    ):
        assert own.before == own.after


def test_the_step_size_and_the_shares_by_hand():
    tuned = [
        [Adapted(10, 3, 4), Adapted(10, 3, 6)],
        [Adapted(10, 5, 5), Adapted(10, 5, 2)],
    ]
    assert chosen(tuned, [0.1, 0.2]) == 0.1  # 9 words, against 8 before and 8 at 0.2
    assert chosen([[Adapted(10, 5, 5)], [Adapted(9, 4, 3)]], [0.1]) == 0.0
    assert chosen([], [0.1]) == 0.0
    read = figures([Adapted(10, 3, 4), Adapted(10, 5, 5), Adapted(20, 5, 4)])
    assert read == {
        "people": 3, "words": 40, "recall_at_3_before": 13 / 40, "recall_at_3_after": 13 / 40,
        "helped": 1 / 3, "hurt": 1 / 3,
    }  # fmt: skip
    assert figures([])["helped"] is None


def test_a_runs_model_is_adapted_to_its_test_users(smoke_path):
    found = adaptation(smoke_path, 2)
    assert found["people"] == 2
    assert 0 <= found["helped"] + found["hurt"] <= 1
    assert found == adaptation(smoke_path, 2)
