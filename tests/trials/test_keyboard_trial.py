"""What a finished run's model does for people who type, and what cannot be tried."""

import json
import shutil
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gboard_sim.cli.app import app
from gboard_sim.experiment.file import load
from gboard_sim.keyboard import Keyboard
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.trials.compose import SOURCES
from gboard_sim.trials.keyboard import trial


@pytest.fixture(scope="module")
def found(smoke):
    return trial(smoke.directory.path, smoke.directory / "artefacts", messages=60)


@pytest.fixture(scope="module")
def whole(smoke):
    """Every message of every test user."""
    return trial(smoke.directory.path, smoke.directory / "artefacts", messages=10**6)


def test_figures_are_those_of_test_users_words(smoke, found, whole):
    strip = found["strip"]
    assert strip["messages"] == 60
    assert strip["impressions"] == strip["words"] + 60
    assert 0 < strip["impression_recall_at_3"] < strip["recall_at_3"] < 1
    assert 0 < strip["click_through"] < strip["impression_recall_at_3"]
    limits = [strip[f"savings{limit}"] for limit in ("_expected", "", "_vocabulary", "_perfect")]
    assert limits == sorted(limits)
    assert len(set(limits)) == 4
    evaluated = smoke.summary["recall_at_3"]
    assert whole["strip"]["recall_at_3"] == pytest.approx(evaluated, abs=1e-9)


def test_recall_is_what_the_keyboard_suggests_to_every_test_user(smoke, whole):
    directory = smoke.directory
    experiment = load(directory / "experiment.toml")
    divided = read_divided(experiment.text, experiment.fleet.phones, experiment.run.seed)
    corpus = divided.corpus
    ids, offsets = corpus.gather(corpus.messages_of(divided.sets.test)[1])
    keyboard = Keyboard.load(directory / "artefacts")
    hits = 0
    for first, end in pairwise(offsets):
        words = [corpus.lexicon[word] for word in ids[first:end]]
        for place, word in enumerate(words):
            hits += word in keyboard.suggest("".join(f"{w} " for w in words[:place]))
    assert whole["strip"]["recall_at_3"] == pytest.approx(hits / len(ids))


def test_every_phone_class_and_some_people_have_figures_of_their_own(found):
    classes = found["phone_classes"]
    assert set(classes) == {"low", "mid", "high"}
    assert sum(each["messages"] for each in classes.values()) == 60
    assert found["people"]["savings"]["p10"] <= found["people"]["savings"]["p90"]


def test_compose_is_chosen_on_validation_and_has_the_laws_best_beside_it(found):
    compose = found["compose"]
    strip = found["strip"]
    assert compose["savings_strip"] == strip["savings"]
    assert 0 <= compose["law_coverage"] <= 1
    for source in SOURCES:
        each = compose[source]
        for curve in (each["curve_validation"], each["curve_test"]):
            offered = [row["offered"] for row in curve]
            assert offered == sorted(offered, reverse=True)
        assert {row["boundaries"] for row in each["curve_test"]} == {strip["impressions"]}
        assert (each["confidence"] is None) == (each["test"] is None)
    model, more, new = (compose[source]["curve_test"][0]["offered"] for source in SOURCES)
    assert more >= max(model, new)


def test_taps_are_read_with_a_weight_from_validation(found):
    taps = found["taps"]
    assert taps["words"] + taps["left_out"] == found["strip"]["words"]
    assert 0 < taps["unknown"] <= taps["spatial"] <= 1
    assert taps["spatial_known"] < taps["spatial"]


@pytest.fixture
def copy(smoke_path, tmp_path):
    """A run that a test may write to."""
    return Path(shutil.copytree(smoke_path, tmp_path / "copy"))


def ask(*arguments):
    return CliRunner().invoke(app, ["keyboard", *map(str, arguments)])


def test_the_command_prints_a_table_and_the_page_shows_it(copy):
    told = ask(copy, "--messages", "20", "--people", "2", "--trigger")
    assert told.exit_code == 0
    assert "limit of the vocabulary" in told.stdout
    assert "Smart Compose" in told.stdout
    assert "adapted to" in told.stdout
    assert "trigger" in told.stdout
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert 'id="keystrokes"' in page
    assert "20 messages of test users" in page


def test_json_stands_alone_and_is_what_the_run_keeps(copy):
    told = ask(copy, "--messages", "20", "--people", "0", "--json")
    found = json.loads(told.stdout, parse_constant=pytest.fail)
    assert found["strip"]["messages"] == 20
    assert found["adaptation"] is found["trigger"] is None
    assert json.loads((copy / "keyboard.json").read_text()) == found


def test_what_cannot_be_tried_is_said(smoke_path, tmp_path):
    for arguments, said in (
        ([tmp_path], "not a run directory"),
        ([smoke_path, "--artefact", tmp_path], "no folder of artefacts"),
    ):
        told = ask(*arguments)
        assert told.exit_code != 0
        assert said in str(told.exception)


@pytest.mark.parametrize("name", ["score.onnx", "train_step.onnx", "keyboard.py"])
def test_every_file_of_the_artefact_must_be_the_one_that_its_manifest_names(copy, name):
    path = copy / "artefacts" / name
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{name}: " in str(ask(copy).exception)
    assert "manifest.json names" in str(ask(copy).exception)
    path.unlink()
    assert f"{name}: cannot be read" in str(ask(copy).exception)


def test_an_artefact_of_another_run_is_refused(copy, smoke_path):
    """Its model may have been trained on those who judge it here."""
    path = copy / "artefacts" / "parameters.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    manifest = json.loads((copy / "artefacts" / "manifest.json").read_text())
    manifest["files"][path.name]["sha256"] = sha256(content).hexdigest()
    (copy / "artefacts" / "manifest.json").write_text(json.dumps(manifest))
    told = ask(smoke_path, "--artefact", copy / "artefacts")
    assert "not an export of" in str(told.exception)
    assert "hint: gboard-sim export" in str(told.exception)
