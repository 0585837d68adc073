"""`bench mechanisms` on small rounds: every mechanism has its row, over rounds of the same work."""

import pytest

from gboard_sim.bench import mechanisms as bench
from gboard_sim.bench.work import dense
from gboard_sim.privacy.mechanisms import MECHANISMS


@pytest.fixture(scope="module")
def work():
    return dense(rounds=3, phones=3, batches=1, model="tiny")


@pytest.fixture(scope="module")
def privates(work):
    return {each.name: each for each in bench.mechanisms(work.parameters, 3)}


def test_every_mechanism_is_there(privates):
    assert {name.partition(",")[0] for name in privates} == set(MECHANISMS) - {"none"}


@pytest.mark.parametrize("name", ["local_gaussian", "blt", "distributed_skellam, masked"])
def test_a_row_is_of_pairs_of_rounds_without_the_first(work, privates, name):
    row = bench._row(work, privates[name])
    assert (row.mechanism, row.model) == (name, "tiny")
    assert (row.phones, row.steps, row.rounds) == (3, 1, 2)
    assert 0.0 < row.least <= row.ratio <= row.most
    assert row.plain_s > 0.0


def test_the_large_model_is_left_out_when_it_must_be_quick(monkeypatch):
    monkeypatch.setattr(bench, "_row", lambda work, private: (work.spec.name, private.name))
    monkeypatch.setattr(bench, "mechanisms", lambda parameters, phones: [bench.PLAIN])
    told = []
    assert bench.rows(repeats=1, quick=True, tell=told.append) == [("tiny", "none")]
    assert told == ["tiny, none"]
