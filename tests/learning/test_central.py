"""The arm `central` against a plain loop over the pooled text, and against one federated phone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.errors import ExperimentError
from gboard_sim.learning.central import (
    POOLED,
    CentralClosing,
    CentralPlan,
    TrainStretch,
    stream_batches,
)
from gboard_sim.learning.learner_state import LearnerState, Totals
from gboard_sim.learning.server_optimizers import adam
from gboard_sim.learning.text.batches import TokenStore
from gboard_sim.learning.unit_dropout import UnitDropout
from gboard_sim.seam.records import Cohort, LocalWork, Stint, Upload

PLAN = CentralPlan(rows="fleet", share=1.0, batch_size=4, optimizer="adam", options={"tau": 1e-6})
WORK = LocalWork(epochs=1, steps=None, batch_size=8, learning_rate=0.5)


def store(lengths: list[int]) -> TokenStore:
    """Messages whose every token is the message's number, from 2 on."""
    tokens = np.repeat(np.arange(len(lengths), dtype=np.int32) + 2, lengths)
    return TokenStore(tokens, np.concatenate([[0], np.cumsum(lengths)]))


@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    batch_size=st.integers(1, 4),
)
def test_stretches_side_by_side_make_one_stream(lengths, cuts, batch_size):
    text = store(lengths)
    how = {"batch_size": batch_size, "seed": 1, "lane": 6}
    edges = [0, *sorted(cuts), 60]
    parts = [list(stream_batches(text, pair, **how)) for pair in pairwise(edges)]
    whole = list(stream_batches(text, (0, 60), **how))
    assert [b.targets.tolist() for part in parts for b in part] == [
        b.targets.tolist() for b in whole
    ]


@given(lengths=st.lists(st.integers(0, 5), min_size=1, max_size=12).filter(any))
def test_each_pass_holds_every_token_once_in_another_order(lengths):
    text = store(lengths)
    total = sum(lengths)
    for nth in range(2):
        batches = stream_batches(
            text, (nth * total, (nth + 1) * total), batch_size=3, seed=1, lane=6
        )
        said = [t for b in batches for t in b.targets.ravel()[b.positions].tolist()]
        assert sorted(said) == sorted(text.tokens.tolist())


def test_a_share_pools_the_first_phones_text(workshop):
    rows = workshop.rows("fleet")
    quarter = CentralPlan("fleet", 0.25, 4, "adam").pooled(rows)
    assert len(quarter.first) - 1 == rows.first[3]  # three of twelve phones
    assert quarter.tokens.tolist() == rows.tokens[: rows.offsets[rows.first[3]]].tolist()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_stretch_is_a_plain_loop_of_gradient_and_optimiser(workshop, dropout):
    workshop = replace(workshop, dropout_rate=dropout)
    first = workshop.snapshots.read(0)
    optimizer = adam(tau=1e-6)
    state, parameters = optimizer.init(first), first
    made = TrainStretch(PLAN, (0, 150), 0.01, first, optimizer.init(first)).work(workshop)
    text = workshop.rows("fleet").token_store()
    nats = tokens = 0
    stream = stream_batches(text, (0, 150), batch_size=4, seed=1, lane=workshop.spec.lane)
    for batch in UnitDropout(dropout, 1, workshop.spec).on(stream, POOLED, 0):
        half = workshop.trainer.train(parameters, [batch], 0.5)
        gradient = (parameters - half.parameters.astype(np.float64)) / 0.5
        state, parameters = optimizer.apply(state, parameters, -gradient, 0.01)
        nats, tokens = nats + half.loss * half.tokens, tokens + half.tokens
    assert made.tokens == tokens >= 150
    assert made.loss == pytest.approx(nats / tokens, rel=1e-4)
    moved = np.linalg.norm(parameters - first)
    assert np.linalg.norm(made.parameters - parameters) < 0.02 * moved  # rates 1 and .5 round apart
    assert made.optimizer.keys() == {"first", "second"}


def test_a_rate_beyond_reason_is_named_by_its_key(workshop):
    first = workshop.snapshots.read(0)
    job = TrainStretch(PLAN, (0, 150), 1e30, first, adam(tau=1e-6).init(first))
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ExperimentError, match=r"central\.learning_rate = 1e\+30"),
    ):
        job.work(workshop)


def cohort(version: int, tokens: list[int]) -> Cohort:
    uploads = tuple(
        Upload(p, p, 0, (Stint(p, 0, 0, WORK, (0, 1), t, 0.0, 1.0),), 36, 1.0, 2.0)
        for p, t in enumerate(tokens)
    )
    return Cohort("train", version, 10.0, uploads, (1.0,) * len(tokens), 0)


def test_a_version_takes_as_many_tokens_as_its_cohort_and_waits_for_the_one_before(workshop):
    closing = CentralClosing(cohort(1, [40, 60]), PLAN, 100, 0.01, workshop.snapshots)
    first = workshop.snapshots.read(0)
    before = LearnerState(0, 0, adam(tau=1e-6).init(first), Totals(budget_tokens=30))
    assert CentralClosing(cohort(2, [5]), PLAN, 100, 0.01, workshop.snapshots).ready(0) is False
    assert closing.ready(0)
    number, job = closing.start(before)
    assert not closing.ready(0)
    assert job.tokens == (30, 130)
    assert type(job.parameters) is np.ndarray  # a memmap would go through a worker's pipe whole
    assert not closing.complete
    result = job.work(workshop)
    closing.add(number, result)
    assert closing.complete
    step = closing.make(before, first)
    assert step.optimizer is result.optimizer
    assert step.parameters is result.parameters
    assert step.norm == pytest.approx(float(np.linalg.norm(step.parameters - first)))
    assert (closing.tokens, closing.loss) == (result.tokens, result.loss)
