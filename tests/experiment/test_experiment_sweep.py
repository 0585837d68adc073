"""`[sweep]`: what grid it makes, and what it refuses."""

import tomllib
from math import inf, prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment.file import load, load_sweep
from gboard_sim.experiment.sweep import LONGEST_NAME, run_name, settings

SMALL = """
[fleet]
phones = 20
[protocol]
goal = 2
[training]
steps = 3
"""


@pytest.fixture
def file(tmp_path):
    def write(sweep):
        path = tmp_path / "small.toml"
        path.write_text(f"{SMALL}\n[sweep]\n{sweep}\n")
        return path

    return write


lists = st.lists(st.integers(), min_size=1, max_size=4, unique=True)


@given(st.lists(lists, min_size=1, max_size=4), st.integers(0, 3))
def test_a_grid_is_as_large_as_its_lists_multiplied_and_has_nothing_twice(values, zipped):
    sweep = {f"a.k{nth}": found for nth, found in enumerate(values)}
    shortest = min(map(len, values))
    group = list(sweep)[:zipped] if min(zipped, len(sweep)) >= 2 else []
    sweep |= {key: sweep[key][:shortest] for key in group}
    expected = prod(len(found) for key, found in sweep.items() if key not in group)
    expected *= shortest if group else 1
    found = settings(sweep | ({"zip": [group]} if group else {}))
    assert len(found) == len({tuple(one.items()) for one in found}) == expected
    assert all(list(one) == [key for key in sweep if key != "zip"] for one in found)
    for one in found:
        assert all(one[key] in sweep[key] for key in one)
        assert len({sweep[key].index(one[key]) for key in group}) <= 1


def test_a_grid_by_hand_with_lists_in_step_tables_and_seeds(file):
    _, points = load_sweep(
        file(
            """
            seeds = [3, 5]
            server.optimizer = ["fed_avg", "adam"]
            training.steps = [1, 4]
            "server.learning_rate" = [1.0, 0.02]
            schedule = [{ name = "fixed" }, { name = "every_kth", k = 2 }]
            zip = [["server.optimizer", "server.learning_rate"]]
            """
        )
    )
    assert len(points) == 2 * 2 * 2 * 2
    last = points[-1]
    assert last.setting == (
        "server.optimizer=adam, training.steps=4, server.learning_rate=0.02, "
        "schedule=every_kth(k=2)"
    )
    made = last.experiment
    assert (made.server.optimizer, made.server.learning_rate) == ("adam", 0.02)
    assert (made.training.steps, made.schedule.k, made.run.seed) == (4, 2, 5)
    assert (made.privacy.seed, made.sweep) == (5, {})
    assert [point.experiment.run.seed for point in points[:2]] == [3, 5]
    assert points[0].setting == points[1].setting


def test_steps_may_be_swept_where_the_file_has_epochs(file):
    path = file("training.epochs = [1, 2]")
    _, points = load_sweep(path)
    assert [(p.experiment.training.epochs, p.experiment.training.steps) for p in points] == [
        (1, None),
        (2, None),
    ]


def test_without_seeds_the_experiments_own_seeds_are_kept(file):
    _, points = load_sweep(file("training.steps = [1, 4]"), overrides=["run.seed=7"])
    assert {(p.experiment.run.seed, p.experiment.privacy.seed) for p in points} == {(7, 1)}


def test_an_override_replaces_a_list_however_it_is_written(file):
    path = file('"training.steps" = [1, 4]\nseeds = [1]')
    overrides = ["sweep.training.steps=[2]", "sweep.seeds=[8, 9]"]
    _, points = load_sweep(path, overrides=overrides)
    found = [(p.experiment.training.steps, p.experiment.run.seed) for p in points]
    assert found == [(2, 8), (2, 9)]


def test_the_sweep_is_written_and_read_again(file, tmp_path):
    experiment, points = load_sweep(
        file(
            'seeds = [1, 2]\ntraining.steps = [1, 4]\nschedule = [{ name = "fixed" }]\n'
            "privacy.epsilon = [2.0, inf]"
        ),
        overrides={
            "privacy.mechanism": "local_gaussian",
            "privacy.epsilon": 1.0,
            "privacy.clip": 1.0,
            "privacy.max_uploads": 2,
        },
    )
    assert [point.experiment.privacy.epsilon for point in points[::2]] == [2.0, inf, 2.0, inf]
    text = experiment_file.dump(experiment)
    assert tomllib.loads(text)["sweep"]["training.steps"] == [1, 4]
    again = tmp_path / "again.toml"
    again.write_text(text)
    assert load_sweep(again) == (experiment, points)
    for point in points:
        again.write_text(experiment_file.dump(point.experiment))
        assert load(again) == point.experiment


@pytest.mark.parametrize(
    ("sweep", "said"),
    [
        ("training.steps = [4, 0]", ["training.steps=0, seed=1", "training.steps = 0"]),
        ("training.stps = [4]", ["training.stps=4", "did you mean 'steps'"]),
        ("training.steps = 4", ["sweep.training.steps", "a list"]),
        ("training.steps = []", ["training.steps = [] has no values"]),
        ("training.steps = [4, 4]", ["training.steps=4 is given twice"]),
        ('training.steps = [4]\n"training.steps" = [5]', ["training.steps is given twice"]),
        ("run.seed = [1, 2]", ["run.seed", "seeds = [1, 2, 3]"]),
        ("run.workers = [1, 2]", ["run.workers", "--workers"]),
        ("seeds = [1, 1]", ["seeds", "twice"]),
        ("seeds = [-1]", ["seeds", "-1"]),
        ("seeds = [true]", ["seeds", "True"]),
        ('zip = [["training.steps", "a.b"]]\ntraining.steps = [1]', ["'a.b'", "training.steps"]),
        ('zip = ["training.steps"]\ntraining.steps = [1]', ["zip", '[["a.b", "c.d"]]']),
        (
            'zip = [["training.steps", "run.days"]]\ntraining.steps = [1]\nrun.days = [1, 2]',
            ["in step", "training.steps has 1, run.days has 2"],
        ),
        (
            'zip = [["run.days", "run.days"]]\nrun.days = [1, 2]',
            ["'run.days' is named twice"],
        ),
        (
            f"run.days = {list(range(1, 200))}\ntraining.steps = {list(range(1, 200))}",
            ["39,601 runs", "zip"],
        ),
        (
            '"schedule" = [{ name = "fixed" }]\n"schedule.k" = [2]',
            ["schedule holds schedule.k already"],
        ),
    ],
)
def test_what_makes_no_grid_is_refused_by_name(file, sweep, said):
    with pytest.raises(ExperimentError) as refused:
        load(file(sweep))
    assert "small.toml" in str(refused.value)
    for part in said:
        assert part in str(refused.value), refused.value


def test_a_runs_name_tells_its_point_and_nothing_else():
    assert run_name({"training.steps": 4, "codec.name": "fp16"}, 2) == (
        "training.steps=4_codec.name=fp16_seed=2"
    )
    table = {"schedule": {"name": "every_kth", "k": 4, "max_age": 20}}
    assert run_name(table, 1) == "schedule=every_kth-k=4-max_age=20_seed=1"


words = st.text(max_size=8) | st.sampled_from(["a b", "a-b", "a/b", ".", "..", "x" * 300])


@given(st.lists(st.tuples(words, st.integers(1, 2)), min_size=2, max_size=6, unique=True))
def test_different_points_have_different_names_that_can_stand_in_a_folder(points):
    names = [run_name({"text.source": word}, seed) for word, seed in points]
    assert len(set(names)) == len(points)
    for name in names:
        assert len(name) <= LONGEST_NAME
        assert set(name).isdisjoint("/\\\0 :()")
        assert name.isascii()
