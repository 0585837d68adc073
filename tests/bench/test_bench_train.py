"""`bench train` on the smallest model: its rows hold together."""

import time

import numpy as np
import pytest

from gboard_sim.bench import rounds, train
from gboard_sim.bench.peak import SHAPES, TimeProduct, repeated_s
from gboard_sim.bench.work import dense
from gboard_sim.learning.model.spec import flop_per_token, load_spec


def test_rows_agree_with_each_other(monkeypatch):
    monkeypatch.setattr(train, "MEANS", (rounds.Means("onnxruntime"),))
    said = []
    rows = train.rows(repeats=2, quick=True, tell=said.append)
    assert [(row.lanes, row.processes) for row in rows] == [(1, 1), (1, 2), (8, 1), (8, 2)]
    assert len(said) == 2
    flop = flop_per_token(load_spec("tiny"), 1002)
    for row in rows:
        assert (row.model, row.trainer, row.precision, row.lane) == (
            "tiny", "onnxruntime", "float32", 12,
        )  # fmt: skip
        assert row.gflop_per_s == pytest.approx(row.tokens_per_s * flop / 1e9)
        assert row.peak_library in {"torch", "numpy", "onnxruntime"}
        assert 0 < row.share_of_peak < 1
        assert row.share_of_own_products > 0
        # Tokens a second of all processes: each takes about the mean of their steps.
        alone = row.lanes * row.lane / row.step_ms * 1e3
        assert 0.5 * row.processes < row.tokens_per_s / alone < 2 * row.processes
    assert [row.times_one_process for row in rows[::2]] == [1.0, 1.0]


def test_a_full_batch_has_no_padding(tmp_path):
    work = dense(rounds=1, phones=1, batches=1, model="tiny")
    workshop = rounds.open_workshop(work, tmp_path)
    batch = train.full_batch(workshop, 5)
    assert batch.inputs.shape == (5, 12)
    assert batch.tokens == 60
    assert np.array_equal(batch.reset[:, 0], np.ones(5))
    assert batch.reset.sum() == 5


@pytest.mark.parametrize("library", ["torch", "numpy", "onnxruntime"])
def test_a_product_is_timed_where_it_is_asked_for(library):
    seconds = TimeProduct(library, (64, 64, 64), 0.01).work(None)
    assert 1e-7 < seconds < 0.1
    assert TimeProduct(library, SHAPES[0], 0.01).flop == 2 * 1024**3


def test_the_median_forgives_one_slow_repeat():
    pauses = iter([0.0, 0.1, 0.0, 0.0, 0.0])  # the first is not counted

    def body():
        time.sleep(next(pauses, 0.0))

    assert repeated_s(body, 0.15) < 0.05


def test_bfloat16_reaches_the_workers_as_it_was_asked_for(tmp_path):
    work = dense(rounds=1, phones=1, batches=1, model="tiny")
    made = rounds.open_workshop(work, tmp_path, rounds.Means("torch", "bfloat16"))
    assert (made.trainer_name, made.precision) == ("torch", "bfloat16")
