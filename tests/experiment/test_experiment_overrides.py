"""What overrides do to a file's tables, and whom a message blames."""

import pytest

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.file import load, load_sweep

BASE = """
[fleet]
phones = 30
[protocol]
goal = 4
[training]
steps = 3
{more}
"""


@pytest.fixture
def file(tmp_path):
    def write(more=""):
        path = tmp_path / "small.toml"
        path.write_text(BASE.format(more=more))
        return path

    return write


def test_the_order_of_overrides_does_not_matter(file):
    one = load(file(), overrides=["schedule.k=4", "schedule.name=every_kth"])
    assert one == load(file(), overrides=["schedule.name=every_kth", "schedule.k=4"])
    assert (one.schedule.name, one.schedule.k) == ("every_kth", 4)


def test_of_two_values_for_a_key_the_last_counts(file):
    assert load(file(), overrides=["run.days=2", "run.days=3"]).run.days == 3


def test_a_table_and_a_key_of_it_are_laid_together(file):
    found = load(file(), overrides=["schedule={name='every_kth', k=2}", "schedule.max_age=5"])
    assert found.schedule.model_dump(exclude_none=True) == {
        "name": "every_kth",
        "k": 2,
        "max_age": 5,
    }


def test_an_override_of_epochs_displaces_the_files_steps(file):
    training = load(file(), overrides=["training.epochs=2"]).training
    assert (training.epochs, training.steps) == (2, None)


@pytest.mark.parametrize(
    "both",
    [
        ["training.epochs=2", "training.steps=9"],
        ["training.steps=9", "training.epochs=2"],
        ["training.classes.low.epochs=2", "training.classes.low.steps=9"],
    ],
)
def test_epochs_and_steps_together_are_refused(file, both):
    with pytest.raises(ExperimentError, match="one of epochs and steps must be set") as refused:
        load(file(), overrides=both)
    assert all(f"--set {each}" in str(refused.value) for each in both)


@pytest.mark.parametrize(
    ("more", "overrides", "blamed"),
    [
        ("", ["run.days=-1"], "--set run.days=-1: run.days = -1 is"),
        ("", ["run.days=3", "run.days=-1"], "--set run.days=-1: run.days = -1 is"),
        ("", {"run.days": -1}, "overrides['run.days']: run.days = -1 is"),
        ("", ["run={days=-1}"], "--set run={days=-1}: run.days = -1 is"),
        ("", ["run.ray_address=auto"], "small.toml with --set run.ray_address=auto: [run] ray_add"),
        ("", ["protocol.goal=31"], "small.toml with --set protocol.goal=31: protocol.goal(=31)"),
        (
            "",
            ["run.seed=4", "fleet.phones=3", "run.days=2"],
            "small.toml with --set fleet.phones=3: protocol.goal(=4)",
        ),
        # The file is wrong by itself, whatever is laid over it.
        ("[run]\ndays = -1", ["run.seed=3"], "small.toml: run.days = -1 is"),
        ('[run]\nray_address = "auto"', ["run.seed=3"], "small.toml: [run] ray_address"),
        ("[sweep]\nrun.days = [-1]", [], "small.toml: [sweep] run.days=-1, seed=1: run.days = -1"),
        ("", ["sweep.run.days=[1, -1]"], "--set sweep.run.days=[1, -1]: [sweep] run.days=-1, seed"),
    ],
)
def test_who_gave_the_wrong_value_is_blamed(file, more, overrides, blamed):
    with pytest.raises(ExperimentError) as refused:
        load_sweep(file(more), overrides=overrides)
    start = str(refused.value).removeprefix(str(file(more).parent)).lstrip("/")
    assert start.startswith(blamed)


SWEPT = "[sweep]\nseeds = [1, 2]\ntraining.steps = [1, 4]\n"


@pytest.mark.parametrize("override", ["training.steps=8", "training.epochs=2", "run.seed=7"])
def test_an_override_that_every_point_replaces_is_refused(file, override):
    with pytest.raises(ExperimentError, match="no run would use it") as refused:
        load_sweep(file(SWEPT), overrides=[override])
    assert str(refused.value).startswith(f"--set {override}: ")
    load(file(SWEPT), overrides=[override])  # of one run, which no sweep changes


def test_an_override_that_some_points_use_is_kept(file):
    sweep = '[sweep]\nserver.optimizer = ["fed_avg", "adam"]\n'
    given = ["server.optimizer=adam", "server.options.tau=0.5", "server.learning_rate=2.0"]
    _, points = load_sweep(file(sweep), overrides=given)
    assert [dict(p.experiment.server.options) for p in points] == [{}, {"tau": 0.5}]


def test_a_swept_key_that_the_experiment_needs_may_be_given(file):
    """An experiment has to be whole without its sweep."""
    given = {"privacy.mechanism": "local_gaussian", "privacy.clip": 1.0, "privacy.max_uploads": 2}
    _, points = load_sweep(
        file("[sweep]\nprivacy.epsilon = [2.0, 4.0]"), overrides=given | {"privacy.epsilon": 1.0}
    )
    assert [point.experiment.privacy.epsilon for point in points] == [2.0, 4.0]
