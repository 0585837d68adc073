"""`gboard-sim list`: short by itself, everything where it is asked for."""

import json
import sys
import tomllib

import pytest

from gboard_sim.cli import app as cli
from gboard_sim.communication import compatibility, schedules
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment import keys as experiment_keys
from gboard_sim.experiment.experiment import Run

CATALOGUES = [
    "experiments", "phones", "networks", "availability", "fleets", "models",
    "server_optimizers", "schedules", "codecs", "mechanisms",
]  # fmt: skip


@pytest.fixture
def listed(monkeypatch, capsys):
    """What `list` prints; with a status other than 0 its message."""

    def call(*arguments: str, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["gboard-sim", "list", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == status
        printed = capsys.readouterr()
        assert (printed.err if status == 0 else printed.out) == ""
        return printed.out or printed.err

    return call


def test_alone_it_names_everything_on_one_screen(listed, monkeypatch):
    found = json.loads(listed("--json"))
    assert list(found) == CATALOGUES
    assert all(isinstance(names, list) and names for names in found.values())
    assert {"default", "smoke", "irc"} <= set(found["experiments"])
    monkeypatch.setenv("COLUMNS", "80")
    plain = listed()
    assert len(plain.splitlines()) <= 24
    assert all(len(line) < 80 for line in plain.splitlines())
    for kind, names in found.items():
        assert kind in plain
        assert all(name in plain for name in names)


@pytest.mark.parametrize("kind", CATALOGUES)
def test_every_name_has_a_line_that_says_what_it_is(listed, kind):
    names = json.loads(listed("--json"))[kind]
    rows = json.loads(listed(kind, "--json"))
    assert [row["name"] for row in rows] == names
    assert all(len(row["said"]) > 10 for row in rows)
    plain = " ".join(listed(kind).split())
    assert all(" ".join(row["said"].split()) in plain for row in rows)


def test_a_schedule_has_its_options_with_their_defaults(listed):
    (row,) = json.loads(listed("schedules", "every_kth", "--json"))
    assert row["options"] == {"k": 1, "max_age": None, "trains": "all", "rebase": "never"}
    assert set(row["options"]) == set(schedules.options("every_kth"))
    assert 'k=1, max_age=none, trains="all"' in " ".join(listed("schedules").split())


def test_the_keys_are_those_of_a_resolved_experiment_with_their_defaults():
    """`dump` writes every default that is not none: an independent list of them."""
    said = {key.name: key for key in experiment_keys.keys_of()}
    resolved = tomllib.loads(experiment_file.dump(experiment_file.load("smoke")))
    written = list(leaves(resolved))
    assert len(written) > 80
    free = ("server.options.", "central.options.")  # whose keys are the optimiser's
    assert [key for key in written if key not in said and not key.startswith(free)] == []
    assert json.loads(said["run.min_gain"].default) == Run().min_gain == 0.001
    assert json.loads(said["codec.lossless"].default) == "none"
    assert said["protocol.goal"].default == experiment_keys.REQUIRED
    assert said["run.versions"].default == ""
    assert said["protocol.kind"].values == "rounds | buffered | poisson"
    assert said["training.epochs"].values == "int | [int]"


def leaves(tree, prefix=""):
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key


def test_every_key_says_what_it_means(listed):
    assert [key.name for key in experiment_keys.keys_of() if not key.said] == []
    plain = listed("keys", "protocol")
    assert "protocol.goal, required  (int)" in plain
    assert "run.days" not in plain
    assert {
        row["name"].split(".")[0] for row in json.loads(listed("keys", "run", "sync", "--json"))
    } == {
        "run",
        "sync",
    }


def test_the_rules_of_what_composes_are_the_table(listed):
    rules = json.loads(listed("compatibility", "--json"))
    cells = {
        (s, c, m): (tuple(rule["weights"]), rule["reason"])
        for rule in rules
        for s in rule["schedules"]
        for c in rule["codecs"]
        for m in rule["mechanisms"]
    }
    table = compatibility.table()
    assert cells == {(x.schedule, x.codec, x.mechanism): (x.weights, x.reason) for x in table}
    assert len(listed("compatibility").splitlines()) < 100


def test_of_some_names_only_the_rules_about_all_of_them_are_shown(listed):
    rules = json.loads(listed("compatibility", "lazy", "top_k", "tree", "--json"))
    (rule,) = rules
    assert (rule["schedules"], rule["codecs"], rule["mechanisms"]) == (
        ["lazy"],
        ["top_k"],
        ["tree"],
    )
    assert rule["weights"] == []
    said = " ".join(listed("compatibility", "lazy", "top_k", "tree").split())
    assert "server.weights refused: whether a phone sends follows from its text" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["codec"], "did you mean 'codecs'"),
        (["schedules", "lazzy"], "did you mean 'lazy'"),
        (["keys", "protocl"], "no table 'protocl'"),
        (["compatibility", "top-k"], "did you mean 'top_k'"),
    ],
)
def test_an_unknown_name_is_refused_with_those_there_are(listed, arguments, said):
    assert said in listed(*arguments, status=2)
