"""Error feedback in whole runs: the same bits however it is carried out, and what it refuses."""

import pytest

import gboard_sim
from gboard_sim import simulate
from gboard_sim.errors import ExperimentError, IncompatibleError
from gboard_sim.report import headline
from gboard_sim.report.contents import Contents
from tests.run_bits import bits

pytestmark = pytest.mark.usefixtures("trains_here")

FEEDBACK = "codec.error_feedback=true"
SMALL = [
    "run.versions=8", "run.days=8", "fleet.phones=30", "text.messages_per_user=20",
    "run.workers=1", "evaluation.baselines=false", "evaluation.test_messages=50",
    "schedule.name=fixed", "protocol.goal=6", "codec.name=one_bit", FEEDBACK,
]  # fmt: skip
BUFFERED = ["protocol.kind=buffered", "protocol.concurrency=12"]
TIGHT = ["codec.residuals_kept=8", "codec.after_rejection=discard"]
VARIANTS = {"rounds": TIGHT, "buffered": [*BUFFERED, *TIGHT]}


def run(out, *more, variant=None):
    return gboard_sim.run(
        gboard_sim.load("smoke", variant=variant, overrides=[*SMALL, *more]), out=out
    )


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def made(request, tmp_path_factory):
    return request.param, run(tmp_path_factory.mktemp("run") / "run", *VARIANTS[request.param])


def test_residuals_are_used_and_counted_and_none_is_left_behind(made):
    _, finished = made
    summary, path = finished.summary, finished.directory.path
    cohorts = finished.table("cohorts")["phone"].to_pylist()
    again = {phone for phone in cohorts if cohorts.count(phone) > 1}
    assert 0 < summary["residual_phones"] <= len(again)
    assert summary["residuals_evicted"] > 0
    assert not [p for p in path.rglob("*") if "residual" in p.name]
    simulate.RunDirectory.open(path)
    row = next(
        row
        for section in headline.sections(Contents.read(finished.directory))
        for row in section.rows
        if "residual" in row.label
    )
    assert row.value == str(summary["residual_phones"])
    assert f"{summary['residuals_evicted']} residuals were evicted" in row.note


def test_they_change_what_is_learned_but_not_what_phones_send(tmp_path, made):
    _, finished = made
    without = run(tmp_path / "without", *VARIANTS[made[0]][:-2], "codec.error_feedback=false")
    assert without.summary["residual_phones"] is None
    for name in ("uplink_bytes", "sessions_trained", "session_shapes"):
        assert without.summary[name] == finished.summary[name]
    assert without.summary["parameters_sha256"] != finished.summary["parameters_sha256"]


def test_bits_are_the_same_over_workers_and_lookahead(tmp_path, made):
    variant, finished = made
    other = run(tmp_path / "other", *VARIANTS[variant], "run.workers=3", "run.lookahead=0")
    assert bits(other.directory.path) == bits(finished.directory.path)


class KilledError(Exception):
    pass


def test_a_killed_run_ends_with_the_same_bits(tmp_path, made):
    variant, finished = made

    def kill(step):
        if step.version == 6:
            raise KilledError

    experiment = gboard_sim.load("smoke", overrides=[*SMALL, *VARIANTS[variant], "run.lookahead=0"])
    with pytest.raises(KilledError):
        simulate.run(experiment, out=tmp_path / "k", watch=kill)
    assert list((tmp_path / "k" / "checkpoints" / "residuals").glob("*.npy"))
    simulate.resume(tmp_path / "k")
    assert bits(tmp_path / "k") == bits(finished.directory.path)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["codec.name=k_level", FEEDBACK],
            "its errors average out over phones; allowed",
        ),
        (["codec.name=drive", FEEDBACK], r"codec.scale = 'least_error'"),
        (["codec.lossless=zstd"], r"error_feedback is not allowed with lossless\(='zstd'\)"),
        (["codec.error_feedback=false", *TIGHT], "does nothing without error_feedback = true"),
        (["codec.residuals_kept=0"], r"codec\.residuals_kept"),
        (["codec.after_rejection=mend"], r"codec\.after_rejection"),
    ],
)
def test_what_error_feedback_cannot_go_with_is_refused_with_the_reason(
    tmp_path, overrides, message
):
    with pytest.raises(ExperimentError, match=message):
        run(tmp_path / "run", *overrides)


def test_a_claim_refuses_residuals(tmp_path):
    with pytest.raises(IncompatibleError, match="a residual carries what earlier text left out"):
        run(tmp_path / "run", variant="local-dp")


def test_drive_may_keep_what_its_least_error_leaves(tmp_path):
    drive = ["codec.name=drive", "codec.scale=least_error", FEEDBACK]
    made = run(tmp_path / "run", *drive, "run.versions=4")
    assert made.summary["residual_phones"] > 0
