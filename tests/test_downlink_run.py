"""The downlink through a codec, in whole runs: bytes by brute force, and bits."""

import numpy as np
import pytest
from safetensors.numpy import load_file

import gboard_sim
from gboard_sim import simulate
from gboard_sim.errors import ExperimentError
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=8", "run.days=8", "fleet.phones=30", "text.messages_per_user=20",
    "run.workers=1", "evaluation.baselines=false", "evaluation.test_messages=50",
    "schedule.name=fixed", "protocol.goal=6", "downlink.name=k_level", "downlink.bits=8",
]  # fmt: skip
VARIANTS = {
    "rounds": [],
    "buffered": ["protocol.kind=buffered", "protocol.concurrency=12"],
    "sync": ["sync.every_h=6"],
}


def load(*more):
    return gboard_sim.load("smoke", overrides=[*SMALL, *more])


def load_named(name, *more):
    """With another codec, which has none of the options of the one in `SMALL`."""
    others = [override for override in SMALL if not override.startswith("downlink.")]
    return gboard_sim.load("smoke", overrides=[*others, f"downlink.name={name}", *more])


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def made(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("run") / "run"
    return request.param, gboard_sim.run(load(*VARIANTS[request.param]), out=out)


def test_a_session_downloads_the_way_from_the_version_that_the_phone_has(made):
    variant, finished = made
    parameters = finished.summary["model_parameters"]
    whole = 16 + 4 * parameters
    link = 16 + 8 * -(-parameters // 4096) + parameters
    sessions = sorted(finished.table("sessions").to_pylist(), key=lambda row: row["began_s"])
    holds, chained, seen = {}, 0, 0
    for row in sessions:
        got, phone = row["download_bytes"], row["phone"]
        if "v[" in row["shape"]:
            ways = {whole}
            if phone in holds:
                ways = {min(whole, (row["base"] - holds[phone]) * link)}
            elif variant == "sync":  # phones install versions between sessions
                ways = {min(whole, n * link) for n in range(9)}
            if variant == "sync" and phone in holds:
                ways = {min(whole, n * link) for n in range(row["base"] - holds[phone] + 1)}
            assert got in ways
            holds[phone] = row["base"]
            chained += got < whole
            seen += 1
    assert seen >= chained > 5
    assert finished.summary["downlink_bytes"] >= sum(row["download_bytes"] for row in sessions)


def test_bits_are_the_same_over_workers_and_lookahead(tmp_path, made):
    variant, finished = made
    more = [*VARIANTS[variant], "run.workers=3", "run.lookahead=0"]
    gboard_sim.run(load(*more), out=tmp_path / "other")
    assert bits(tmp_path / "other") == bits(finished.directory.path)


class KilledError(Exception):
    pass


def test_a_killed_run_goes_on_from_its_master_to_the_same_bits(tmp_path, made):
    variant, finished = made

    def kill(step):
        if step.version == 6:
            raise KilledError

    with pytest.raises(KilledError):
        simulate.run(load(*VARIANTS[variant], "run.lookahead=0"), out=tmp_path / "k", watch=kill)
    checkpoint = load_file(tmp_path / "k" / "checkpoints" / "newest.safetensors")
    master = checkpoint["downlink/master"]
    assert master.dtype == np.float32
    versions = [np.load(p) for p in (tmp_path / "k" / "checkpoints" / "versions").glob("*.npy")]
    assert not [v for v in versions if v.tobytes() == master.tobytes()]
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(finished.directory.path)


def test_other_arms_cost_the_same_and_the_fleet_alone_is_priced_so_too(tmp_path):
    costs = {}
    for arm in ("federated", "central", "local-only"):
        run = gboard_sim.run(load(f"run.arm={arm}"), out=tmp_path / arm)
        costs[arm] = run.summary["downlink_bytes"]
    assert len(set(costs.values())) == 1
    fleet = simulate.run_fleet(load("fleet.phones=200"), out=tmp_path / "fleet")
    whole = simulate.run_fleet(load_named("fp32", "fleet.phones=200"), out=tmp_path / "w")
    assert fleet.summary["downlink_bytes"] < whole.summary["downlink_bytes"]


def test_what_phones_do_not_train_is_in_no_difference(tmp_path):
    run = gboard_sim.run(load("training.word_rows=frozen"), out=tmp_path / "run")
    sent = run.summary["parameters_on_wire"]
    link = 16 + 8 * -(-sent // 4096) + sent
    assert sent < run.summary["model_parameters"]
    sizes = set(run.table("sessions")["download_bytes"].to_pylist())
    assert sizes & {n * link for n in range(1, 8)}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["downlink.bits=1"], r"\[downlink\] bits\(=1\) must be at least 2: with less, what"),
        (["downlink.name=modular"], "carries whole numbers, which differences are not"),
        (["downlink.name=gzip"], "must be one of fp32"),
        (["downlink.share=0.5"], r"codec 'k_level' has no option 'share'"),
        (["downlink.lossless=zstd"], r"downlink\.lossless"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(tmp_path, overrides, message):
    with pytest.raises(ExperimentError, match=message):
        gboard_sim.run(load(*overrides), out=tmp_path / "run")


def test_a_mask_that_leaves_out_more_than_half_is_refused(tmp_path):
    with pytest.raises(ExperimentError, match=r"\[downlink\] share\(=0.1\) must be above 0.5"):
        gboard_sim.run(load_named("random_mask"), out=tmp_path / "run")
