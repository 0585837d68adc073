"""The works: what dense and real text come to, and that the file for peers says the same."""

import json
from itertools import pairwise

import numpy as np
import pytest

from gboard_sim.bench import work, work_file
from gboard_sim.errors import CorpusError, ExperimentError
from gboard_sim.seeds import uniforms

LANE = 12  # of the model tiny


@pytest.fixture(scope="module")
def dense() -> work.Work:
    return work.dense(rounds=2, phones=3, batches=2, model="tiny")


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> work.Work:
    """Forty users with one to thirty messages of one to fifteen words, in one file."""
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("corpus") / "chat.jsonl"
    with path.open("w") as file:
        for user in range(40):
            for minute in range(1 + user % 30):
                text = " ".join(f"w{word}" for word in rng.integers(0, 50, rng.integers(1, 16)))
                time = f"2024-01-01T00:{minute:02d}:00+00:00"
                file.write(json.dumps({"user": f"u{user}", "text": text, "time": time}) + "\n")
    return work.real(path, rounds=2, cohort=10, model="tiny")


def test_dense_text_leaves_no_lane_unfilled(dense):
    assert dense.tokens == 1002
    for number in range(2):
        for phone in range(3):
            batches = list(dense.batches(number, phone))
            assert [batch.inputs.shape for batch in batches] == [(8, LANE)] * 2
            assert all((batch.weight == 1).all() for batch in batches)
    assert dense.round_tokens(1) == 3 * 2 * 8 * LANE


def test_the_rounds_of_a_phone_differ_in_their_order_alone(dense):
    first, second = (
        np.concatenate([work_file.segments_of(b)[0] for b in dense.batches(number, 1)])
        for number in (0, 1)
    )
    assert not np.array_equal(first, second)
    assert np.array_equal(np.sort(first), np.sort(second))


def test_real_phones_are_there_once_and_whole(real):
    assert real.cohorts.shape == (2, 10)
    assert len(np.unique(real.cohorts)) == 20
    rows = np.diff(real.text.fleet.first)
    assert rows.min() < rows.max()
    assert [real.weight(phone) for phone in range(20)] == rows.tolist()
    sizes = np.diff(real.text.fleet.offsets)
    assert real.round_tokens(0) == sizes[: real.text.fleet.first[10]].sum()


def test_too_few_users_are_refused(tmp_path):
    path = tmp_path / "chat.jsonl"
    path.write_text('{"user": "a", "text": "hello there", "time": null}\n')
    with pytest.raises((ExperimentError, CorpusError), match=r"user"):
        work.real(path, rounds=1, cohort=10)


def test_a_cohort_is_what_the_learner_takes(dense):
    cohort = dense.cohort(1)
    assert cohort.makes_version == 2
    assert [upload.phone for upload in cohort.uploads] == [0, 1, 2]
    assert {upload.base for upload in cohort.uploads} == {1}
    assert cohort.weights == (16.0,) * 3
    assert {upload.stints[0].tokens for upload in cohort.uploads} == {16 * LANE}


@pytest.mark.parametrize("name", ["dense", "real"])
def test_the_file_holds_what_the_learner_trains_in_its_order(name, request, tmp_path):
    """Made again from the token store and the shuffling keys, without batches or packing."""
    made = request.getfixturevalue(name)
    work_file.write_work(made, tmp_path / "work.npz", textbook=True)
    file = np.load(tmp_path / "work.npz")
    rows = made.text.fleet
    phone_first, batch_first = file["phone_first"], file["batch_first"]
    at = 0
    for number, cohort in enumerate(made.cohorts):
        for place, phone in enumerate(cohort):
            inside = np.arange(rows.first[phone], rows.first[phone + 1])
            keys = uniforms(work.SEED, "shuffle", int(phone), number, 0, inside)
            inside = inside[np.argsort(keys)]
            steps = range(phone_first[at], phone_first[at + 1])
            assert len(steps) == -(-len(inside) // 8)
            for nth, step in enumerate(steps):
                wanted = []
                for row in inside[8 * nth : 8 * nth + 8]:
                    message = rows.tokens[rows.offsets[row] : rows.offsets[row + 1]].tolist()
                    wanted += [message[i : i + LANE] for i in range(0, len(message), LANE)]
                bounds = file["segment_first"][batch_first[step] : batch_first[step + 1] + 1]
                found = [file["tokens"][a:b].tolist() for a, b in pairwise(bounds)]
                assert found == wanted
            assert file["weights"][number, place] == len(inside)
            at += 1
    assert at + 1 == len(phone_first)
    assert phone_first[-1] + 1 == len(batch_first)
    assert np.array_equal(file["parameters"], made.first_parameters())
    assert file["sizes"].tolist() == [made.tokens, 48, 128, 48]
    assert file["learning_rate"] == made.local.learning_rate
