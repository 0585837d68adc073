"""Phones that learn alone against a plain loop over each phone."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.errors import ExperimentError
from gboard_sim.learning.local_only import PHONES, LocalOnlyLearner, TrainAlone
from gboard_sim.learning.pool import InlinePool
from gboard_sim.learning.text.batches import stint_batches
from gboard_sim.seam.records import Cohort, LocalWork, Stint, Upload

WORK = LocalWork(epochs=2, steps=None, batch_size=4, learning_rate=1.0)


def stint(text, phone: int, nth: int) -> Stint:
    rows = tuple(int(edge) for edge in text.typing.first[phone : phone + 2])
    return Stint(phone, nth, 3, WORK, rows, 10, 0.0, 1.0)


def cohort(text, version: int, stints: dict[int, list[int]]) -> Cohort:
    uploads = tuple(
        Upload(10 * version + phone, phone, 0, tuple(stint(text, phone, n) for n in nths), 1, 1, 2)
        for phone, nths in sorted(stints.items())
    )
    return Cohort("train", version, 10.0 * version, uploads, (1.0,) * len(uploads), 0)


@pytest.fixture
def learner(text, workshop) -> LocalOnlyLearner:
    made = LocalOnlyLearner(text.typing, 100, text.store, 1, InlinePool(workshop))
    made.step(cohort(text, 1, {0: [0], 3: [0, 1]}))
    made.step(cohort(text, 2, {0: [1], 5: [0]}))
    return made


def test_every_phone_is_judged_by_what_it_alone_trained(text, workshop, learner):
    later = text.evaluation_set("later", 10_000)
    found = learner.score(learner.scoring(later))
    owner, trained = text.store.later.owner(), {0: [0, 1], 3: [0, 1], 5: [0]}
    shown = []
    for row in later.rows.tolist():
        phone = int(owner[row])
        parameters = workshop.snapshots.read(0)
        for nth in trained.get(phone, []):
            batches = stint_batches(
                text.store.fleet.token_store(), stint(text, phone, nth), 1, workshop.spec.lane
            )
            parameters = workshop.trainer.train(parameters, batches, 1.0).parameters
        shown.append(workshop.scorer.score(text.store.later, np.array([row]), parameters).shown)
    assert found.shown.tolist() == np.concatenate(shown).tolist()
    assert found.overall.recall_at_3 == later.recall(np.concatenate(shown))
    assert len(set(owner[later.rows].tolist())) > len(trained)


def test_other_text_has_no_model_and_versions_are_in_name_only(text, learner):
    assert learner.scoring(text.evaluation_set("test", 10)) is None
    assert learner.outcome(2).metrics == {}
    assert learner.state.version == 0
    totals = learner.state.totals
    twice = {0: 2, 3: 2, 5: 1}  # stints of two passes over all that the phone holds
    rows, first = text.store.fleet, text.typing.first
    held = {p: rows.offsets[first[p + 1]] - rows.offsets[first[p]] for p in twice}
    assert totals.trained_tokens == sum(2 * n * held[p] for p, n in twice.items())
    assert totals.sessions_trained == 4


def test_jobs_hold_few_phones(text, learner):
    scoring = learner.scoring(text.evaluation_set("later", 10_000))
    while scoring.pending:
        assert len(scoring.start()[1].rows) <= PHONES


def test_a_phone_that_diverges_is_refused_rather_than_judged(text, workshop):
    wild = replace(stint(text, 0, 0), local=LocalWork(None, 2, 4, 1e30))
    with pytest.raises(ExperimentError, match=r"1e\+30 is too high: .* of phone 0 alone"):
        TrainAlone(((wild,),), (np.zeros(1, np.int64),)).work(workshop)
