"""Parts of a model trained and sent, in whole runs: bytes, workers, resume, arms, a claim."""

import numpy as np
import pytest
from safetensors.numpy import load_file

import gboard_sim
from gboard_sim import simulate
from gboard_sim.errors import ExperimentError, IncompatibleError
from gboard_sim.export import export
from gboard_sim.learning.model.spec import WORD_ROWS
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

SMALL = [
    "run.versions=3", "fleet.phones=40", "text.messages_per_user=20", "run.workers=1",
    "evaluation.baselines=false", "evaluation.test_messages=50", "schedule.name=fixed",
]  # fmt: skip
WORDS, WIDTH = 495, 48  # the model of `smoke` over the words of so little text
MATRICES = {"input_kernel": (48, 384), "recurrent_kernel": (48, 384), "projection": (128, 48)}
FROZEN = ["training.word_rows=frozen"]
ADAPTED = ["training.adapters.rank=4"]
# Numbers in an update: without the rows of words; and with four rows for each matrix.
MATRICES_SIZE = sum(rows * columns for rows, columns in MATRICES.values())
RECURRENT = MATRICES_SIZE + 384
RANK_4 = sum(4 * columns for _, columns in MATRICES.values()) + 384


def run(out, *more, variant=None):
    overrides = [o for o in SMALL if variant is None or not o.startswith("schedule")]
    return gboard_sim.run(
        gboard_sim.load("smoke", variant=variant, overrides=[*overrides, *more]), out=out
    )


class KilledError(Exception):
    pass


def killed_and_resumed(path, settings):
    def kill(step):
        if step.version == 2:
            raise KilledError

    experiment = gboard_sim.load("smoke", overrides=[*SMALL, *settings])
    with pytest.raises(KilledError):
        simulate.run(experiment, out=path, watch=kill)
    assert (path / "checkpoints").exists()
    simulate.resume(path)


def tensors(made):
    return load_file(made.directory.path / "artefacts" / "parameters.safetensors")


@pytest.mark.parametrize(
    ("parts", "numbers"),
    [
        (FROZEN, RECURRENT),
        (ADAPTED, WORDS * WIDTH + RANK_4),
        ([*FROZEN, *ADAPTED], RANK_4),
        ([*FROZEN, *ADAPTED, "training.trainer=torch", "training.phones_together=5"], RANK_4),
    ],
)
def test_phones_send_what_they_train_and_no_byte_more(tmp_path, parts, numbers):
    made = run(tmp_path / "run", *parts)
    size = 16 + 4 * numbers
    assert set(made.table("cohorts")["payload_bytes"].to_pylist()) == {size}
    assert made.summary["uplink_bytes_by_purpose"]["used"] == size * made.table("cohorts").num_rows
    assert made.summary["parameters_on_wire"] == numbers
    assert made.summary["wire_share"] == numbers / made.summary["model_parameters"]
    losses = made.table("versions")["loss"].to_pylist()
    assert losses[-1] < losses[0]


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """A run of which every part of what is sent matters."""
    out = tmp_path_factory.mktemp("adapted") / "run"
    return run(out, *FROZEN, *ADAPTED, "run.checkpoint_every=1", "codec.name=k_level")


def test_the_same_bits_over_workers_and_lookahead_and_when_killed(tmp_path, adapted):
    settings = [*FROZEN, *ADAPTED, "run.checkpoint_every=1", "codec.name=k_level"]
    two = run(tmp_path / "two", *settings, "run.workers=2", "run.lookahead=0")
    assert bits(two.directory.path) == bits(adapted.directory.path)

    killed_and_resumed(tmp_path / "k", settings)
    assert bits(tmp_path / "k") == bits(adapted.directory.path)


def test_an_export_of_adapters_has_their_bases_and_trains_as_torch_does(tmp_path, adapted):
    made = export(adapted.directory.path, out=tmp_path / "export")  # compares every graph
    bases = load_file(made.folder / "bases.safetensors")
    assert {name: basis.shape for name, basis in bases.items()} == {
        f"basis_{name}": (rows, 4) for name, (rows, _) in MATRICES.items()
    }


@pytest.mark.parametrize("arm", ["federated", "central"])
def test_frozen_rows_stay_as_version_0_has_them_in_every_arm(tmp_path, arm):
    still = run(tmp_path / "still", "server.learning_rate=1e-30", "server.optimizer=fed_avg")
    first = tensors(still)
    made = run(tmp_path / "made", *FROZEN, f"run.arm={arm}", "server.optimizer=adam")
    for name, values in tensors(made).items():
        assert (values.tobytes() == first[name].tobytes()) == (name in WORD_ROWS)


TYPED = ["training.word_rows=typed"]


@pytest.fixture(scope="module")
def typed(tmp_path_factory):
    return run(tmp_path_factory.mktemp("typed") / "run", *TYPED, "run.checkpoint_every=1")


def test_rows_of_typed_words_are_priced_from_text_without_training_ahead(typed):
    rest = MATRICES_SIZE + 384
    sizes = np.array(typed.table("cohorts")["payload_bytes"].to_pylist())
    words = (sizes - (-(-WORDS // 8) + 4) - 16 - 4 * rest) / (4 * WIDTH)
    assert (words == words.astype(int)).all()
    assert len(set(words)) > 1
    assert words.min() > 1
    assert words.max() < WORDS
    assert typed.summary["parameters_on_wire"] == pytest.approx(rest + words.mean() * WIDTH)
    assert typed.summary["sessions_trained_unused"] == 0
    assert typed.summary["sessions_trained"] == len(sizes)
    sessions = typed.table("sessions").to_pydict()
    used = np.array(sessions["used_in"]) >= 0
    assert sorted(np.array(sessions["upload_bytes"])[used]) == sorted(sizes)


def test_typed_rows_have_the_same_bits_over_workers_and_when_killed(tmp_path, typed):
    settings = [*TYPED, "run.checkpoint_every=1"]
    two = run(tmp_path / "two", *settings, "run.workers=2", "run.lookahead=0")
    assert bits(two.directory.path) == bits(typed.directory.path)
    killed_and_resumed(tmp_path / "k", settings)
    assert bits(tmp_path / "k") == bits(typed.directory.path)


def test_a_lossless_stage_behind_typed_rows_is_measured(tmp_path, typed):
    made = run(tmp_path / "run", *TYPED, "codec.lossless=zstd")
    assert max(made.table("cohorts")["payload_bytes"].to_pylist()) < min(
        typed.table("cohorts")["payload_bytes"].to_pylist()
    )
    assert made.summary["sessions_trained_unused"] > 0


def test_typed_rows_leave_too_much_under_a_claim_and_to_a_budget(tmp_path):
    with pytest.raises(IncompatibleError, match="tells which words it typed"):
        run(tmp_path / "run", *TYPED, variant="local-dp")
    budget = ["schedule.name=data_budget", "schedule.uplink_mb_per_month=9"]
    with pytest.raises(ExperimentError, match="leaves to each phone's text"):
        run(tmp_path / "run", *TYPED, *budget)
    with pytest.raises(ExperimentError, match="whose phones have no words"):
        simulate.run_fleet(gboard_sim.load("smoke", overrides=TYPED), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_public_text_trains_all_parts(tmp_path):
    first = tensors(run(tmp_path / "still", *FROZEN))
    made = tensors(run(tmp_path / "made", *FROZEN, "training.pretraining.epochs=1"))
    assert np.abs(made["embedding"] - first["embedding"]).max() > 0


def test_a_claim_holds_for_compact_updates(tmp_path):
    made = run(tmp_path / "run", *FROZEN, *ADAPTED, variant="local-dp")
    assert set(made.table("cohorts")["payload_bytes"].to_pylist()) == {16 + 4 * RANK_4}
    assert made.summary["epsilon_policy"] == pytest.approx(8.0)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.word_rows=some"], r"training.word_rows"),
        (["training.adapters.rank=0"], r"training.adapters.rank"),
        (["training.adapters.rank=48"], r"rank = 48 must be below 48, the width of the narrowest"),
        (["training.adapters.width=4"], r"training.adapters.width"),
    ],
)
def test_parts_that_do_not_exist_are_refused_before_anything_runs(tmp_path, overrides, message):
    with pytest.raises(ExperimentError, match=message):
        run(tmp_path / "run", *overrides)
    assert not (tmp_path / "run").exists()
