"""Codecs in whole runs: the bytes that phones send, over workers, lookahead and a claim."""

import numpy as np
import pytest

import gboard_sim
from gboard_sim import simulate
from gboard_sim.errors import ExperimentError
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=3", "fleet.phones=40", "text.messages_per_user=20", "run.workers=1",
    "evaluation.baselines=false", "evaluation.test_messages=50", "schedule.name=fixed",
]  # fmt: skip
PARAMETERS = 67_152  # of the model of `smoke` over the words of so little text


def run(out, *more, variant=None):
    overrides = [o for o in SMALL if variant is None or not o.startswith("schedule")]
    return gboard_sim.run(
        gboard_sim.load("smoke", variant=variant, overrides=[*overrides, *more]), out=out
    )


@pytest.mark.parametrize(
    ("codec", "size"),
    [
        (["codec.name=fp32"], 16 + 4 * PARAMETERS),
        (["codec.name=k_level", "codec.bits=4"], 16 + 17 * 8 + PARAMETERS // 2),
        (["codec.name=drive"], 16 + 8 + 66 * 4 + PARAMETERS // 8),
    ],
)
def test_phones_send_the_bytes_of_their_codec_and_the_model_learns(tmp_path, codec, size):
    made = run(tmp_path / "run", *codec)
    assert set(made.table("cohorts")["payload_bytes"].to_pylist()) == {size}
    sessions = made.table("sessions").to_pydict()
    used = np.array(sessions["used_in"]) >= 0
    assert set(np.array(sessions["upload_bytes"])[used]) == {size}
    assert max(sessions["upload_bytes"]) == size
    assert made.summary["uplink_bytes_by_purpose"]["used"] == size * used.sum()
    losses = made.table("versions")["loss"].to_pylist()
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("codec", [["codec.name=k_level", "codec.bits=2", "codec.rotate=true"]])
def test_a_codec_that_draws_at_random_has_the_same_bits_over_workers_and_lookahead(tmp_path, codec):
    one = run(tmp_path / "one", *codec)
    two = run(tmp_path / "two", *codec, "run.workers=2", "run.lookahead=0")
    assert bits(two.directory.path) == bits(one.directory.path)


def test_a_claim_holds_under_a_lossy_codec_since_noise_comes_first(tmp_path):
    made = run(tmp_path / "run", "codec.name=random_mask", "codec.share=0.5", variant="local-dp")
    assert set(made.table("cohorts")["payload_bytes"].to_pylist()) == {16 + 8 + 2 * PARAMETERS}
    assert made.summary["epsilon_policy"] == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["codec.name=k_level", "codec.bits=3"], r"\[codec\] bits\(=3\) must be 1, 2, 4 or 8"),
        (["codec.bits=4"], r"codec 'fp32' has no option 'bits'\(=4\); it has no options"),
        (["codec.name=top_k", "codec.share=0"], r"share\(=0.0\) must be above 0 and at most 1"),
        (["codec.name=top_k", "codec.share=2"], r"codec.share"),
        (["codec.name=drive", "codec.scale=loud"], r"scale\(='loud'\) must be one of unbiased"),
        (["codec.level=4"], r"codec.level"),
    ],
)
def test_an_option_that_no_codec_can_take_is_refused_before_anything_runs(
    tmp_path, overrides, message
):
    with pytest.raises(ExperimentError, match=message):
        run(tmp_path / "run", *overrides)
    assert not (tmp_path / "run").exists()


class KilledError(Exception):
    pass


MEASURED = [
    "codec.name=k_level", "codec.bits=4", "codec.lossless=zstd", "protocol.goal=6",
    "run.checkpoint_every=1",
]  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return run(tmp_path_factory.mktemp("measured") / "run", *MEASURED)


def test_compressed_payloads_have_sizes_of_their_own(measured):
    sizes = measured.table("cohorts")["payload_bytes"].to_pylist()
    assert len(set(sizes)) > 1
    assert max(sizes) < 16 + 17 * 8 + PARAMETERS // 2


def test_every_session_that_gets_as_far_as_its_upload_is_trained_and_none_other(measured):
    last_s = measured.table("cohorts")["closed_s"].to_pylist()[-1]
    sessions = measured.table("sessions").to_pylist()
    sent = [row for row in sessions if "+" in row["shape"] and row["ended_s"] <= last_s]
    unused = [row for row in sent if row["used_in"] < 0]
    assert len(sent) - len(unused) == measured.table("cohorts").num_rows
    assert measured.summary["sessions_trained"] == len(sent)
    assert measured.summary["sessions_trained_unused"] == len(unused) > 0


def test_a_measured_run_has_the_same_bits_over_workers_and_when_killed(tmp_path, measured):
    other = run(tmp_path / "other", *MEASURED, "run.workers=2", "run.lookahead=0")
    assert bits(other.directory.path) == bits(measured.directory.path)

    def kill(step):
        if step.version == 2:
            raise KilledError

    with pytest.raises(KilledError):
        simulate.run(
            gboard_sim.load("smoke", overrides=[*SMALL, *MEASURED]), out=tmp_path / "k", watch=kill
        )
    assert (tmp_path / "k" / "checkpoints").exists()
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(measured.directory.path)
