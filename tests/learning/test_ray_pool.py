"""Real Ray clusters on this machine: the same bits, one copy a machine, and nothing left behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import pytest

import gboard_sim
from gboard_sim import simulate
from gboard_sim.cli import app as cli
from gboard_sim.errors import ExperimentError, GboardSimError, GboardSimWarning
from gboard_sim.learning import ray_cluster, ray_pool
from gboard_sim.learning.jobs import MeasureAttempt, ScoreRows, TrainChunks
from gboard_sim.learning.pool import MOST_DEATHS, InlinePool
from gboard_sim.learning.ray_pool import RayPool
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog import provenance
from gboard_sim.seam.records import LocalWork, Stint, Upload

SCORE = ScoreRows(0, "test", np.arange(4))
WORK = LocalWork(epochs=None, steps=1000, batch_size=4, learning_rate=0.1)
LONG = MeasureAttempt(Upload(1, 0, 0, (Stint(0, 0, 0, WORK, (0, 9), 9, 0.0, 1.0),), 1, 1.0, 2.0))
SMALL = [
    "protocol.goal=20", "run.versions=3", "fleet.phones=80", "text.messages_per_user=20",
    "evaluation.baselines=false",
]  # fmt: skip


@dataclass
class Where:
    """A job that says where it is carried out, and what it reads there."""

    pause_s: float = 0.3  # so that every worker gets one

    def versions(self) -> frozenset[int]:
        return frozenset((0,))

    def work(self, workshop: Workshop):
        import ray

        time.sleep(self.pause_s)
        node = ray.get_runtime_context().get_node_id()
        arrays = workshop.rows("fleet").tokens, workshop.snapshots.read(0)
        threads = os.environ["OMP_NUM_THREADS"], os.environ["MKL_NUM_THREADS"]
        return os.getpid(), node, [page(array.ctypes.data) for array in arrays], threads


def page(address: int) -> tuple[str, int]:
    """The file behind a place in this process's memory, and the offset in it."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, _, offset, device, inode, *_ = line.split()
        first, last = (int(bound, 16) for bound in bounds.split("-"))
        if first <= address < last:
            return f"{device} {inode}", int(offset, 16) + address - first
    raise AssertionError("not mapped")


class Deadly:
    """A job that ends the worker that reads it."""

    def versions(self) -> frozenset[int]:
        return frozenset()

    def __reduce__(self):
        return os._exit, (1,)


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    """Two machines of two processors each, as far as Ray can tell."""
    ray = ray_cluster.imported()
    from ray.cluster_utils import Cluster

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    try:
        made.add_node(num_cpus=2)
        made.wait_for_nodes()
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="module")
def connection(cluster) -> Iterator:
    with ray_cluster.connected(cluster.address, 0) as workers:
        yield workers


@pytest.fixture(scope="module")
def shipped(workshop, text, tmp_path_factory) -> Workshop:
    """The workshop as a run with Ray has it."""
    return replace(workshop, text=text.store)


@pytest.fixture
def open_pool(connection) -> Iterator[Callable[[Workshop, int], RayPool]]:
    """Opens pools that end with the test, whatever becomes of it."""
    with ExitStack() as opened:

        def make(workshop: Workshop, workers: int) -> RayPool:
            made = RayPool(workshop, workers)
            opened.callback(made.close)
            return made

        yield make


@pytest.fixture
def pool(open_pool, shipped) -> RayPool:
    """Two workers."""
    return open_pool(shipped, 2)


@pytest.fixture
def one(open_pool, shipped) -> RayPool:
    """One worker: each takes seconds to start."""
    return open_pool(shipped, 1)


def answers(pool, jobs) -> dict:
    """What becomes of jobs, each by its key."""
    found, waiting = {}, list(jobs.items())
    while len(found) < len(jobs):
        while waiting and pool.idle():
            pool.start(*waiting.pop())
        found |= dict(pool.finished(waiting=True))
    return found


def expected(workshop, job):
    inline = InlinePool(workshop)
    inline.start(("x", 0, 0), job)
    [(_, result)] = inline.finished(waiting=True)
    return result


def same(one, other) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in type(one).__slots__
    )


def gone(pids: list[int], within_s: float = 10.0) -> bool:
    until = time.monotonic() + within_s
    while alive := [pid for pid in pids if psutil.pid_exists(pid)]:
        if time.monotonic() > until:
            return False
        psutil.wait_procs([psutil.Process(pid) for pid in alive], timeout=0.1)
    return True


def test_a_run_on_two_machines_has_the_bits_of_a_run_on_this_one(cluster, tmp_path):
    ours = ["run.engine=ray", f"run.ray_address={cluster.address}", "run.workers=3"]
    for name, more in {"local": ["run.workers=2"], "ray": ours}.items():
        gboard_sim.run(gboard_sim.load("smoke", overrides=[*SMALL, *more]), out=tmp_path / name)
    made = [
        {
            path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file() and path.name not in {"experiment.toml", "summary.json"}
        }
        for name in ("local", "ray")
    ]
    assert made[0] == made[1]
    one, other = (json.loads((tmp_path / n / "summary.json").read_text()) for n in ("local", "ray"))
    machines = one.pop("machine"), other.pop("machine")
    assert one == other
    assert [machine["engine"] for machine in machines] == ["local", "ray"]
    assert machines[1]["workers"] == 3
    assert machines[0]["processors"] == machines[1]["processors"] == [provenance.processor()]


def test_a_machine_maps_text_and_parameters_once_and_reads_no_file(open_pool, shipped, tmp_path):
    graphs = {}
    for name in ("train_step", "score", "predict"):
        graphs[name] = tmp_path / f"{name}.onnx"
        shutil.copy(getattr(shipped.graphs, name), graphs[name])
    pool = open_pool(replace(shipped, graphs=replace(shipped.graphs, **graphs)), 4)
    shutil.rmtree(tmp_path)
    found = answers(pool, {("where", 0, n): Where() for n in range(4)})
    by_node: dict[str, set] = {}
    for _, node, places, threads in found.values():
        by_node.setdefault(node, set()).add(str(places))
        assert threads == ("1", "1")
    pids = {pid for pid, *_ in found.values()}
    assert len(pids) == 4
    assert len(by_node) == 2
    assert [len(places) for places in by_node.values()] == [1, 1], by_node  # two workers, one copy
    jobs = {("score", 0, n): ScoreRows(0, "test", np.arange(n, n + 3)) for n in range(6)}
    results = answers(pool, jobs)
    assert all(same(results[key], expected(shipped, job)) for key, job in jobs.items())
    assert pool.idle() == 4
    assert pool.finished(waiting=True) == []  # nothing is under way, so nothing is waited for
    pool.close()
    assert gone(list(pids))


def test_a_version_is_put_into_the_store_once_until_it_is_old(one, shipped, monkeypatch):
    first = shipped.snapshots.read(0)
    puts = []

    class Counting:
        def read(self, version):
            puts.append(version)
            return first + np.float32(version)

    monkeypatch.setattr(one, "_snapshots", Counting())
    monkeypatch.setattr(ray_pool, "KEPT_VERSIONS", 2)
    for number, version in enumerate([1, 2, 1, 2, 3, 3, 2, 1]):
        job = ScoreRows(version, "test", np.arange(2))
        [result] = answers(one, {("score", version, number): job}).values()
        alone = replace(shipped, snapshots=Counting())
        assert same(result, expected(alone, job))
        puts.pop()  # what this test read
    assert puts == [1, 2, 3, 1]


def test_a_worker_killed_in_the_middle_of_a_job_is_replaced(pool, shipped):
    before = answers(pool, {("where", 0, n): Where() for n in range(2)})
    pids = {where[0] for where in before.values()}
    pool.start(("measure", 0, 0), LONG)
    pool.start(("measure", 0, 1), LONG)
    time.sleep(0.05)
    assert pool.finished(waiting=False) == []
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    found: dict = {}
    while len(found) < 2:
        found |= dict(pool.finished(waiting=True))
    assert all(same(result, expected(shipped, LONG)) for result in found.values())
    while pool.idle() < 2:
        pool.finished(waiting=False)
    after = answers(pool, {("where", 0, n): Where() for n in range(2)})
    assert not pids & {where[0] for where in after.values()}


def test_the_jobs_of_a_machine_that_is_lost_go_to_another(cluster, open_pool, shipped):
    node = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    pool = open_pool(shipped, 6)
    answered = answers(pool, {("where", 0, n): Where(1.0) for n in range(6)})
    assert len({where[1] for where in answered.values()}) == 3
    for n in range(6):
        pool.start(("where", 1, n), Where(1.0))
    cluster.remove_node(node, allow_graceful=False)
    found: dict = {}
    while len(found) < 6:
        found |= dict(pool.finished(waiting=True))
    assert len({where[1] for where in found.values()}) == 2
    assert pool.idle() == 4  # the two that the cluster has no room for are still wanted


def test_a_job_that_kills_every_worker_ends_the_run_with_one_message(one):
    with pytest.raises(GboardSimError, match=rf"{MOST_DEATHS} workers.*\('train', 3, 0\)"):
        answers(one, {("score", 0, 0): SCORE, ("train", 3, 0): Deadly()})


def test_an_exception_in_a_worker_comes_back_as_itself(one):
    wild = LocalWork(epochs=None, steps=2, batch_size=4, learning_rate=1e30)
    stint = Stint(0, 0, 0, wild, (0, 3), 9, 0.0, 1.0)
    sent = Upload(5, 0, 0, (stint,), 1, 1.0, 2.0)
    one.start(("train", 1, 0), TrainChunks([sent], [1.0], 8))
    with pytest.raises(ExperimentError, match=r"training\.learning_rate"):
        one.finished(waiting=True)


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"python": "3.9.1"}, r"python = '3\.\d+\.\d+', here '3\.9\.1'"),
        ({"libraries": {**provenance.surroundings()["libraries"], "numpy": "1"}}, "numpy = '.*'1'"),
        ({"sources": "?"}, "other source files"),
    ],
)
def test_a_machine_that_would_give_other_bits_is_refused(
    open_pool, shipped, monkeypatch, differs, said
):
    here = provenance.surroundings() | differs
    monkeypatch.setattr(provenance, "surroundings", lambda: here)
    with pytest.raises(GboardSimError, match=rf"run\.engine = 'ray': on .*{said}"):
        open_pool(shipped, 1)


def test_mixed_processor_models_are_warned_about_and_listed(open_pool, shipped, monkeypatch):
    here = provenance.surroundings()
    models = tuple(sorted(("Abacus 80386", here["processor"])))
    there = here | {"processor": "Abacus 80386"}
    monkeypatch.setattr(provenance, "surroundings", lambda: there)
    with pytest.warns(GboardSimWarning, match="processors of this run differ .*Abacus 80386"):
        pool = open_pool(shipped, 1)
    assert pool.processors == models


def test_more_workers_than_the_cluster_has_processors_are_refused(connection):
    with (
        # 6 while Ray has not yet noticed that a machine of another test is lost
        pytest.raises(ExperimentError, match=r"run\.workers = 99.*has [46] processors"),
        ray_cluster.connected("", 99),  # in a process that has a cluster, that one
    ):
        pass


def test_workers_that_find_no_free_processor_are_reported_and_not_waited_for(
    open_pool, pool, shipped, monkeypatch
):
    monkeypatch.setattr(ray_pool, "START_S", 8)
    with pytest.warns(GboardSimWarning, match="2 of 4 workers have started"):
        second = open_pool(shipped, 4)
    assert same(answers(second, {("score", 0, 0): SCORE})["score", 0, 0], expected(shipped, SCORE))
    monkeypatch.setattr(ray_pool, "START_S", 1)
    with pytest.raises(GboardSimError, match="workers do not start: none of 1 in 1 s"):
        open_pool(shipped, 1)


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Runs `smoke` with options that must end it with status 2 and one message."""

    def carry_out(*options: str) -> str:
        out = tmp_path / "run"
        command = ["gboard-sim", "run", "smoke", "--quiet", "--out", str(out), *options]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        assert (ended.value.code, printed.out, printed.err.count("\n")) == (2, "", 1)
        assert not out.exists()
        return printed.err

    return carry_out


@pytest.fixture
def no_connection(monkeypatch):
    """As in a process that has no cluster yet."""
    ray = ray_cluster.imported()
    monkeypatch.setattr(ray, "is_initialized", lambda: False)


def test_a_cluster_that_does_not_answer_is_refused_at_once(no_connection, refused, monkeypatch):
    monkeypatch.setattr(ray_cluster, "ANSWER_S", 3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        heard = f"127.0.0.1:{deaf.getsockname()[1]}"
        said = refused("--engine", "ray", "--ray-address", heard)
        assert f"run.ray_address = '{heard}': no answer from Ray within 3 s" in said
    said = refused("--engine", "ray", "--ray-address", heard)
    assert "Connection refused" in said
    assert "ray start --head" in said


def test_addresses_that_are_none_are_refused(refused):
    for address in ("ray://head:10001", "head", "head:", "a b:1"):
        assert "run.ray_address" in refused("--engine", "ray", "--ray-address", address)
    assert "does nothing with engine" in refused("--ray-address", "auto")
    assert "'local' or 'ray'" in refused("--engine", "slurm")


def test_without_ray_the_message_says_how_to_get_it(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "pip install 'gboard-sim[ray]'" in refused("--engine", "ray")


def test_ctrl_c_ends_a_run_and_its_cluster_and_another_engine_resumes_it(
    heeds_interrupts, tmp_path
):
    out = tmp_path / "run"
    command = [
        sys.executable, "-m", "gboard_sim", "run", "smoke", "--engine", "ray", "--workers", "2",
        "--json", "--out", str(out), "--set", "run.versions=60", "--set", "run.checkpoint_every=1",
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (out / "checkpoints/newest.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    started = psutil.Process(process.pid).children(recursive=True)
    folder = next(
        part for p in started for part in p.cmdline() if part.startswith("--log_dir=")
    ).removeprefix("--log_dir=")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to Ray's processes too
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (130, "")
    assert stderr == "gboard-sim: interrupted; --resume goes on from the last checkpoint\n"
    assert gone([p.pid for p in started])
    assert folder.startswith("/tmp/gboard-sim-ray-")
    assert not Path(folder).parents[1].exists()
    resumed = simulate.resume(out, engine="local", workers=2)
    assert resumed.summary["machine"]["engine"] == "local"
    assert resumed.summary["stop_reason"] == "days"
