"""Ours and plain torch at the same work: the same model comes out, and other work is refused."""

import json
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from gboard_sim.bench import comparison, contenders, environments
from gboard_sim.bench.contenders import Contender
from gboard_sim.bench.rounds import Finished
from gboard_sim.bench.work import Work, dense
from gboard_sim.bench.work_file import write_work
from gboard_sim.errors import GboardSimError
from gboard_sim.learning.model.definition import Text, loss
from gboard_sim.learning.model.spec import layout


@pytest.fixture(scope="module")
def work() -> Work:
    """Nine phones, so that there are two chunks; 9 steps of 160 tokens a round."""
    return dense(rounds=2, phones=9, batches=1)


def train(work: Work, contender: Contender, folder: Path, *, textbook: bool = False) -> Finished:
    """Let a contender train in this environment, whoever it is."""
    write_work(work, folder / "work.npz", textbook=textbook)
    within = folder / contender.name
    within.mkdir()
    python = None if contender.name == "gboard_sim" else Path(sys.executable)
    return contenders.compete(contender, work, folder / "work.npz", within, python)


@pytest.fixture(scope="module")
def ours(work, tmp_path_factory) -> Finished:
    return train(work, Contender("gboard_sim", 2), tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def theirs(work, tmp_path_factory) -> Finished:
    return train(work, Contender("torch", 1), tmp_path_factory.mktemp("theirs"))


def test_plain_torch_ends_where_we_end(work, ours, theirs):
    first = work.first_parameters()
    covered = np.linalg.norm(ours.parameters - first)
    assert np.linalg.norm(ours.parameters - theirs.parameters) < 1e-3 * covered
    start, end = (comparison.text_loss(work, each) for each in (first, ours.parameters))
    assert start - end > 5 * comparison.TOLERANCE_NATS  # so that the comparison can fail
    assert comparison.text_loss(work, theirs.parameters) == pytest.approx(end, abs=1e-3)


def test_a_model_written_by_the_book_ends_there_too(work, ours, theirs, tmp_path):
    book = train(work, Contender("torch", 1), tmp_path, textbook=True)
    covered = np.linalg.norm(ours.parameters - work.first_parameters())
    assert np.linalg.norm(ours.parameters - book.parameters) < 1e-3 * covered
    assert (
        book.parameters.tobytes() != theirs.parameters.tobytes()
    )  # other products, other rounding


def test_rounds_are_timed_one_by_one_and_the_start_apart(ours, theirs):
    for finished in (ours, theirs):
        assert len(finished.round_s) == 2
        assert all(seconds > 0 for seconds in finished.round_s)
        assert finished.start_s > 0
    assert set(theirs.versions) == {"torch"}


def test_the_loss_is_that_of_the_model_s_definition(work):
    import torch

    work = replace(work, cohorts=work.cohorts[:, :2])
    flat = torch.tensor(work.first_parameters())
    tensors = {t.name: flat[t.slice].view(t.shape) for t in layout(work.spec, work.tokens)}
    nats = tokens = 0.0
    for phone in work.cohorts[0]:
        for batch in work.batches(0, int(phone)):
            said = (batch.inputs, batch.targets, batch.reset, batch.weight)
            text = Text(*map(torch.tensor, said))
            nats += float(loss(work.spec, tensors, text)) * batch.tokens
            tokens += batch.tokens
    assert comparison.text_loss(work, flat.numpy()) == pytest.approx(nats / tokens, rel=1e-5)


def test_a_contender_that_did_other_work_is_refused(work, ours):
    comparison._check(work, Contender("pfl", 1), ours, ours)
    idle = replace(ours, parameters=work.first_parameters())
    with pytest.raises(GboardSimError, match=r"pfl with 1 processes is \+0\.\d+ nats from ours"):
        comparison._check(work, Contender("pfl", 1), idle, ours)
    nowhere = replace(ours, parameters=np.full_like(ours.parameters, np.nan))
    with pytest.raises(GboardSimError, match="nan"):
        comparison._check(work, Contender("pfl", 1), nowhere, ours)


def test_a_row_counts_the_rounds_after_the_first_and_pairs_the_repeats(work, ours):
    def took(*seconds: float) -> Finished:
        return replace(ours, start_s=3.0, round_s=(99.0, *seconds))

    mine, pfl = Contender("gboard_sim", 2), Contender("pfl", 2)
    runs = {mine: [took(1.0), took(2.0), took(4.0)], pfl: [took(5.0), took(6.0), took(8.0)]}
    row = comparison._row(work, pfl, "speed", runs)
    assert (row.runs, row.round_s, row.times_ours) == (3, 6.0, 3.0)  # of 5, 3 and 2
    assert row.tokens == 9 * 8 * 20
    assert row.tokens_per_s == row.tokens / 6.0
    assert row.start_s == 3.0
    assert (row.loss_off, row.update_off) == (0.0, 0.0)
    assert row.first_loss > row.final_loss
    assert comparison._row(work, mine, "speed", runs).times_ours == 1.0


def test_a_program_runs_on_one_thread_and_its_last_words_are_repeated(tmp_path):
    said = tmp_path / "said.json"
    body = f"import json, os; json.dump(dict(os.environ), open({str(said)!r}, 'w'))"
    environments.run([sys.executable, "-c", body], "look", {"MORE": "yes"})
    environment = json.loads(said.read_text())
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "1"
    assert environment["MORE"] == "yes"
    with pytest.raises(GboardSimError, match=r"(?s)look: ended with status 3; .*last words"):
        environments.run([sys.executable, "-c", "print('last words'); exit(3)"], "look")


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path, monkeypatch):
    monkeypatch.setattr(environments, "LIMIT_S", 3.0)  # time to start both
    started = tmp_path / "started"
    body = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)'])\n"
        f"open({str(started)!r}, 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    with pytest.raises(GboardSimError, match="took more than"):
        environments.run([sys.executable, "-S", "-c", body], "hang")
    psutil.wait_procs([psutil.Process(pid) for pid in alive(started)], timeout=5)
    assert not alive(started)


def alive(file: Path) -> list[int]:
    """The process that a file names, while it runs."""
    pid = int(file.read_text())
    with suppress(psutil.NoSuchProcess):
        if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            return [pid]
    return []


def test_every_peer_has_an_environment_a_program_and_pinned_versions():
    peers = {each.name for each in contenders.CONTENDERS} - {contenders.OURS}
    assert peers == set(environments.REQUIREMENTS)
    for peer in peers:
        assert (environments.PROGRAMS / f"run_{peer}.py").is_file()
    pinned = {line for wanted in environments.REQUIREMENTS.values() for line in wanted}
    assert {"flwr[simulation]==1.41.0", "pfl[pytorch]==0.6.0"} <= pinned
