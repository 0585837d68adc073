import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim import experiment_file, world
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment_file import dump, load, merge

SMALL = """
[fleet]
phones = 20
[protocol]
goal = 4
[training]
epochs = [2, 2, 5]
[training.classes.low]
cap = 8
[variants.steps]
description = "steps instead"
training.steps = 3
"""

PRIVATE = {"mechanism": "local_gaussian", "epsilon": math.inf, "clip": 1.0, "max_uploads": 2}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def test_a_file_becomes_an_experiment_with_defaults(file):
    experiment = load(file)
    assert experiment.name == "small"
    assert experiment.training.epochs == (2, 2, 5)
    assert experiment.training.classes["low"].cap == 8
    assert experiment.protocol.over_selection == 1.3


def test_a_variant_is_laid_over_the_file_and_overrides_over_both(file):
    experiment = load(file, variant="steps", overrides=["training.steps=[1, 7]", "codec.name=fp16"])
    assert experiment.name == "small-steps"
    assert experiment.training.epochs is None
    assert experiment.training.steps == (1, 7)
    assert experiment.codec.name == "fp16"


def test_the_resolved_file_loads_to_the_same_experiment(file, tmp_path):
    experiment = load(file, overrides={"run.versions": 3, "privacy": PRIVATE})
    again = tmp_path / "again.toml"
    again.write_text(dump(experiment))
    assert load(again) == experiment


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("protocol.gaol=3", ["protocol.gaol", "=3", "did you mean 'goal'"]),
        ("training.classes.low.cpa=1", ["training.classes.low.cpa", "did you mean 'cap'"]),
        ("protocol.goal=many", ["protocol.goal", "'many'", "a whole number"]),
        ("fleet.phones=2.5", ["fleet.phones", "2.5", "a whole number"]),
        ("protocol.goal=30", ["protocol.goal(=30)", "fleet.phones(=20)"]),
        ("protocol.minimum=9", ["minimum(=9)", "goal(=4)"]),
        ("run.days=-1", ["run.days", "-1", "greater than 0"]),
        ("run.days=nan", ["run.days", "nan", "finite"]),
        ("run.lookahead=true", ["run.lookahead", "True", "a whole number"]),
        ("training.epochs=[0]", ["training.epochs", "0"]),
        ("text.arrival=later", ["text.arrival", "'later'", "'compressed'"]),
        ("privacy.mechanism=local_gaussian", ["privacy", "needs epsilon"]),
        ("privacy.epsilon=1.0", ["epsilon(=1.0)", "without a mechanism"]),
        ("text.test_share=0.99", ["text", "below 1"]),
        ("nonsense", ["section.key=value"]),
    ],
)
def test_a_bad_key_or_value_is_refused_by_name(file, override, said):
    with pytest.raises(ExperimentError) as refused:
        load(file, overrides=[override])
    for part in said:
        assert part in str(refused.value)


def test_a_bad_value_in_a_sweep_is_refused_before_anything_runs(file):
    file.write_text(SMALL + '[sweep]\n"protocol.goal" = [2, 0]\n')
    with pytest.raises(ExperimentError, match=r"protocol\.goal"):
        load(file)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[run", b"= 3"])
def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path, content):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ExperimentError, match=r"broken\.toml"):
        load(path)


def test_an_unknown_name_or_variant_says_what_there_is(file):
    with pytest.raises(ExperimentError, match="smoke"):
        load("nothing-like-it")
    with pytest.raises(ExperimentError, match="steps"):
        load(file, variant="nothing")


def test_every_shipped_experiment_and_variant_loads():
    folder = experiment_file.catalogue.experiments()
    files = sorted(folder.glob("*.toml"))
    assert {"default", "smoke", "irc"} <= {path.stem for path in files}
    for path in files:
        for variant in [None, *experiment_file.variants(path)]:
            assert world.build(load(path, variant=variant)).experiment.description or variant


leaves = st.integers() | st.text(max_size=3)
trees = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(leaves, lambda t: st.dictionaries(st.sampled_from("abc"), t, max_size=3)),
    max_size=3,
)


@given(trees, trees)
def test_merging_twice_is_merging_once(tree, changes):
    once = merge(tree, changes)
    assert merge(once, changes) == once
    assert merge(tree, {}) == tree
