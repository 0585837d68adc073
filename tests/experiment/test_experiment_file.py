import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment.experiment import Budget
from gboard_sim.experiment.file import dump, load, merge
from gboard_sim.fleet.rules import BUDGETS
from gboard_sim.world import world

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


def test_sizes_that_are_measured_phone_by_phone_refuse_phones_that_train_together(file):
    overrides = ["training.trainer=torch", "training.phones_together=5", "codec.lossless=zstd"]
    with pytest.raises(ExperimentError, match=r"phones_together\(=5\) must be 1 with .*'zstd'"):
        load(file, overrides=overrides)


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
        ("text.held_out_share=1", ["text.held_out_share = 1", "less than 1", "train on the rest"]),
        ("text.messages_per_user=1001", ["text.messages_per_user", "1001", "equal to 1000", "cut"]),
        ("training.epochs=[]", ["training.epochs", "()", "at least one number"]),
        ("training.steps=[]", ["training.steps", "()", "at least one number"]),
        ("training.steps=9999999999", ["training.steps", "9999999999", "1000000000"]),
        ("training=3", ["training = 3", "a table of keys"]),
        ("fleet.phones=1000000000000", ["fleet.phones", "100000000", "memory"]),
        ("run.days=1e9", ["run.days", "1000000000.0", "3650", "the same for all of a run"]),
        ("run.budget.uplink_bytes=1", ["run.budget.uplink_bytes", "'uplink_mb_per_phone'"]),
        ("training.precision=bfloat16", ["precision(='bfloat16')", "trainer = 'torch'"]),
        ("training.device=cuda", ["device(='cuda')", "trainer = 'torch'"]),
        ("training.phones_together=2", ["phones_together(=2)", "trainer = 'torch'"]),
        ("training.phones_together=12", ["phones_together(=12)", "a multiple of 5"]),
        ("nonsense", ["section.key=value"]),
    ],
)
def test_a_bad_key_or_value_is_refused_by_name(file, override, said):
    with pytest.raises(ExperimentError) as refused:
        load(file, overrides=[override])
    for part in said:
        assert part in str(refused.value)


@pytest.mark.parametrize("rule", ["target_recall_at_3=0.2", "patience=3"])
def test_phones_alone_cannot_be_stopped_by_a_servers_recall(file, rule):
    with pytest.raises(ExperimentError, match=r"does nothing with run\.arm = 'local-only'"):
        load(file, overrides=["run.arm=local-only", f"run.{rule}"])


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("epsilon", 1e-9, ["epsilon(=1e-09)", "between 0.001 and 1e6", "or inf", "hint"]),
        ("epsilon", 1e300, ["epsilon(=1e+300)", "between 0.001 and 1e6", "or inf", "hint"]),
        ("clip", 1e300, ["privacy.clip = 1e+300", "1000000000000", "float32"]),
        ("clip", 1e-300, ["privacy.clip = 1e-300", "greater than or equal to"]),
        ("delta", 0.5, ["privacy.delta = 0.5", "less than or equal to 0.1", "fails"]),
        ("max_uploads", 10**400, ["privacy.max_uploads", "1000000000"]),
    ],
)
def test_a_claim_that_cannot_be_computed_is_refused_by_key(file, key, value, said):
    with pytest.raises(ExperimentError) as refused:
        load(file, overrides={"privacy": PRIVATE | {key: value}})
    for part in ["overrides['privacy']", *said]:
        assert part in str(refused.value)


@pytest.mark.parametrize("epsilon", [1e-3, 1e6, math.inf])
@pytest.mark.parametrize(("delta", "uploads"), [(0.1, 1), (1e-300, 10**9)])
def test_every_claim_that_is_allowed_can_be_computed(file, epsilon, delta, uploads):
    privacy = PRIVATE | {"epsilon": epsilon, "delta": delta, "max_uploads": uploads}
    more = {"server.weights": "uniform", "privacy": privacy | {"clip": 1e12}}
    claim = world.build(load(file, overrides=more)).claim
    assert claim.epsilon_policy == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize("phones", [1_000_000, 10_000_000])
def test_a_fleet_of_millions_is_allowed(file, phones):
    assert load(file, overrides={"fleet.phones": phones}).fleet.phones == phones


@pytest.mark.parametrize(
    ("variants", "key"),
    [
        ("variants = 3", "variants = 3"),
        ('variants = ["every-window"]', "variants = ['every-window']"),
        ("[variants]\nnight = 3", "variants.night = 3"),
    ],
)
@pytest.mark.parametrize("variant", [None, "night"])
def test_variants_that_are_no_tables_are_refused(tmp_path, variants, key, variant):
    path = tmp_path / "small.toml"
    before, after = ("", variants) if variants.startswith("[") else (variants, "")
    path.write_text(f"{before}\n{SMALL.partition('[variants')[0]}\n{after}")
    for ask in (lambda: load(path, variant=variant), lambda: experiment_file.variants(path)):
        with pytest.raises(ExperimentError) as refused:
            ask()
        for part in ["small.toml", f"{key} is not allowed", "a table of keys", "[variants.<name>]"]:
            assert part in str(refused.value)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("server.options.bta=1", ["server.options.bta = 1", "'adam'", "beta_1, beta_2, tau"]),
        ("server.options.beta_1=7", ["server.options", "beta_1(=7.0)", "below 1"]),
        ("central.options.tau=0", ["central.options", "tau(=0.0)", "between"]),
    ],
)
def test_an_optimizers_option_is_refused_with_those_that_it_has(file, override, said):
    with pytest.raises(ExperimentError) as refused:
        world.build(load(file, overrides=["server.optimizer=adam", override]))
    for part in said:
        assert part in str(refused.value)
    with pytest.raises(ExperimentError, match="'fed_avg' has the options none"):
        world.build(load(file, overrides=["server.optimizer=fed_avg", "server.options.x=1"]))


def test_a_budget_goes_by_the_name_of_its_key():
    assert set(BUDGETS) == set(Budget.model_fields)


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
    assert {"default", "smoke", "irc", "gboard"} <= {path.stem for path in files}
    for path in files:
        for variant in [None, *experiment_file.variants(path)]:
            found = load(path, variant=variant)
            if found.fleet.phones == "all":
                found = found.with_phones(800)
            assert world.build(found).experiment.description or variant


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


def test_what_a_run_works_on_overrides_only_what_is_given(file):
    assert experiment_file.machinery(None, None, None) == {}
    there = {"run.workers": 3, "run.engine": "ray", "run.ray_address": "auto"}
    assert experiment_file.machinery(3, "ray", "auto") == there
    back = experiment_file.machinery(None, "local", None)
    assert load(file, overrides={**there, **back}).run.ray_address == ""
