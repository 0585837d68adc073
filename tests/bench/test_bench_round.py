"""`bench round` on small rounds: its parts make up the round."""

import pytest

from gboard_sim.bench import round as rounds
from gboard_sim.bench.work import dense


@pytest.fixture(scope="module")
def row() -> rounds.Row:
    return rounds._row(dense(rounds=3, phones=20, batches=1, model="tiny"))


PARTS = ("training_s", "summing_s", "server_step_s", "snapshot_s", "journal_s")


def test_every_part_was_seen_and_together_they_are_the_round(row):
    assert all(getattr(row, part) > 0 for part in PARTS)
    parts = sum(getattr(row, part) for part in PARTS) + row.other_s
    assert parts == pytest.approx(row.round_s, rel=0.2)  # medians of the parts, each by itself
    assert row.training_s > 0.3 * row.round_s


def test_the_first_round_does_not_count_and_the_rest_is_said(row):
    assert (row.rounds, row.workers, row.phones, row.model) == (2, 2, 20, "tiny")
    assert row.model_bytes == 4 * 91_488
    assert row.tokens_per_s > 0
    assert row.peak_rss_bytes > 50e6


def test_without_a_corpus_there_is_no_real_work(monkeypatch):
    monkeypatch.setattr(rounds, "_row", lambda work: (work.name, work.cohorts.shape))
    found = rounds.rows(corpus=None, repeats=5, quick=True, tell=lambda _: None)
    assert found == [("dense", (3, 50)), ("dense", (3, 500)), ("dense", (6, 20))]
