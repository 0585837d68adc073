"""Exports of a finished run: what is in the folder, and that nothing wrong is ever left there."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from gboard_sim import artefacts, simulate
from gboard_sim.cli.app import app
from gboard_sim.errors import ArtefactError, CorpusError, GboardSimError, RunDirectoryError
from gboard_sim.experiment.file import load
from gboard_sim.export import TOLERANCE, export
from gboard_sim.keyboard import Keyboard

FILES = {
    "predict.onnx", "score.onnx", "train_step.onnx", "parameters.safetensors", "tokenizer.model",
    "words.txt", "keyboard.py", "manifest.json",
    *(f"loader/{name}.py" for name in
      ("artefact", "compose", "errors", "line", "phrases", "ranking", "words")),
}  # fmt: skip


def names(folder: Path) -> set[str]:
    """The files of a folder and below."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def int8(smoke, tmp_path_factory):
    return export(smoke.directory.path, precision="int8", out=tmp_path_factory.mktemp("e") / "int8")


def test_the_folder_has_what_its_manifest_names(smoke, int8):
    manifest = json.loads((int8.folder / "manifest.json").read_text())
    assert manifest == int8.manifest
    assert names(int8.folder) == FILES == {*manifest["files"], "manifest.json"}
    for name, facts in manifest["files"].items():
        content = (int8.folder / name).read_bytes()
        assert facts == {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    assert manifest["experiment"] == "smoke"
    assert manifest["seed"] == smoke.summary["seed"]
    assert manifest["text_licence"].startswith("MIT")
    assert set(manifest["graphs"]) == {"predict.onnx", "score.onnx", "train_step.onnx"}
    for name in manifest["graphs"]:
        onnx.checker.check_model(onnx.load(int8.folder / name), full_check=True)
    assert "epsilon" not in manifest  # nothing was claimed


def test_recall_is_the_runs_own_and_hardly_less_in_int8(smoke, int8):
    manifest = int8.manifest
    assert manifest["recall_at_3_float32"] == smoke.summary["recall_at_3"]
    test = smoke.table("evaluations").to_pylist()
    [words] = {r["positions"] for r in test if r["set"] == "test" and r["group"] == "all"}
    assert manifest["recall_words"] == words
    assert manifest["recall_at_3"] >= 0.97 * manifest["recall_at_3_float32"]


def test_every_graph_is_near_torch(int8):
    apart = int8.manifest["apart_from_torch"]
    assert set(apart) == set(int8.manifest["graphs"])
    assert all(0 < distance < TOLERANCE for distance in apart.values())


def test_a_run_leaves_a_folder_that_a_keyboard_loads_already(smoke_path, tmp_path):
    found = smoke_path / "artefacts"
    assert names(found) == FILES
    exported = export(smoke_path, out=tmp_path / "float32")
    for name in FILES - {"manifest.json"}:
        assert (found / name).read_bytes() == (exported.folder / name).read_bytes()
    assert Keyboard.load(found).suggest("the ") == Keyboard.load(exported.folder).suggest("the ")
    ours = load_file(exported.folder / "parameters.safetensors")
    assert (ours["gate_bias"] == load_file(found / "parameters.safetensors")["gate_bias"]).all()


def test_an_earlier_export_is_replaced_and_nothing_else_is(smoke_path, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(ArtefactError, match="is no earlier export"):
        export(smoke_path, out=out)
    with pytest.raises(ArtefactError, match="is no earlier export"):
        export(smoke_path, out=smoke_path / "artefacts")
    (out / "notes.txt").unlink()
    for precision in ("fp16", "int4"):
        assert export(smoke_path, precision=precision, out=out).manifest["weights"] == precision
    assert names(out) == FILES
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize("spoilt", ["predict.onnx", "score.onnx", "train_step.onnx"])
def test_a_graph_that_is_not_what_torch_computes_fails_and_leaves_nothing(
    smoke_path, tmp_path, monkeypatch, spoilt
):
    contents = artefacts.contents

    def wrong(*given):
        made = contents(*given)
        graph = onnx.load_from_string(made[spoilt])
        for node in graph.graph.node:  # a graph that runs, and is another model
            if node.op_type == "Sigmoid":
                node.op_type = "HardSigmoid"
        made[spoilt] = graph.SerializeToString()
        manifest = json.loads(made["manifest.json"])
        facts = {"bytes": len(made[spoilt]), "sha256": sha256(made[spoilt]).hexdigest()}
        manifest["files"][spoilt] = facts
        return made | {"manifest.json": artefacts.as_bytes(manifest)}

    monkeypatch.setattr(artefacts, "contents", wrong)
    with pytest.raises(ArtefactError, match=rf"{spoilt}: \S+ from torch .*allowed: at most"):
        export(smoke_path, out=tmp_path / "out")
    assert not names(tmp_path)


def test_files_that_do_not_run_fail_and_leave_nothing(smoke_path, tmp_path, monkeypatch):
    contents = artefacts.contents
    monkeypatch.setattr(
        artefacts, "contents", lambda *a: contents(*a) | {"score.onnx": b"no graph"}
    )
    with pytest.raises(ArtefactError, match="do not run"):
        export(smoke_path, out=tmp_path / "out")
    monkeypatch.setattr(artefacts, "contents", lambda *a: contents(*a) | {"keyboard.py": b"pass"})
    with pytest.raises(ArtefactError, match=r"keyboard\.py: does not suggest"):
        export(smoke_path, out=tmp_path / "out")
    assert not names(tmp_path)


@pytest.mark.parametrize(
    ("ledger", "epsilon", "privacy"),
    [
        ({"epsilon_policy": 2.5, "broken": None, "sentence": "2.5 to all"}, 2.5, "2.5 to all"),
        ({"epsilon_policy": None, "broken": "sent twice", "sentence": "a"}, None, "sent twice"),
        ({"epsilon_policy": "infinity", "broken": None, "sentence": "n"}, "infinity", "n"),
    ],
)
def test_the_manifest_repeats_the_claim_of_the_ledger(copy, ledger, epsilon, privacy):
    (copy / "ledger.json").write_text(json.dumps(ledger))
    export(copy)
    text = (copy / "export-float32" / "manifest.json").read_text()
    manifest = json.loads(text, parse_constant=pytest.fail)
    assert manifest["epsilon"] == epsilon
    assert manifest["privacy"] == privacy


@pytest.fixture
def copy(smoke_path, tmp_path):
    return Path(shutil.copytree(smoke_path, tmp_path / "copy"))


def test_a_run_without_its_parameters_is_refused(copy):
    path = copy / "artefacts" / "parameters.safetensors"
    tensors = load_file(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(RunDirectoryError, match=r"parameters\.safetensors: not the parameters"):
        export(copy)
    save_file(tensors | {"gate_bias": np.zeros(1, np.float32)}, path)
    with pytest.raises(RunDirectoryError, match="names a file with another sha256"):
        export(copy)
    manifest = json.loads((copy / "artefacts" / "manifest.json").read_text())
    manifest["files"][path.name]["sha256"] = sha256(path.read_bytes()).hexdigest()
    (copy / "artefacts" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunDirectoryError, match=r"parameters\.safetensors: not the parameters"):
        export(copy)
    path.unlink()
    with pytest.raises(RunDirectoryError, match=r"parameters\.safetensors: not the parameters"):
        export(copy)


def test_a_run_whose_text_is_not_there_or_another_is_refused(copy, tmp_path):
    text = (copy / "experiment.toml").read_text()
    source = str(tmp_path / "chat.jsonl")
    changed = text.replace('source = "synthetic"', f'source = "{source}"', 1)
    assert changed != text
    (copy / "experiment.toml").write_text(changed)
    (tmp_path / "chat.jsonl").write_text("{}")
    with pytest.raises(CorpusError, match=r"is not the file that .* was trained on"):
        export(copy)


def test_runs_without_a_model_are_refused(tmp_path):
    simulate.run_fleet(load("smoke", overrides=["run.days=0.5"]), out=tmp_path / "fleet")
    with pytest.raises(RunDirectoryError, match="no model of a server"):
        export(tmp_path / "fleet")
    with pytest.raises(RunDirectoryError, match="not a run directory"):
        export(tmp_path)


def test_the_command_prints_the_manifest_alone(smoke_path, tmp_path):
    command = ["export", str(smoke_path), "--quantize", "int8", "--out", str(tmp_path / "out")]
    ended = CliRunner().invoke(app, [*command, "--json"])
    assert ended.exit_code == 0
    manifest = json.loads(ended.stdout)
    assert manifest["weights"] == "int8"
    refused = CliRunner().invoke(app, ["export", str(tmp_path)])
    assert isinstance(refused.exception, GboardSimError)
    assert CliRunner().invoke(app, ["export", str(smoke_path), "--quantize", "int2"]).exit_code == 2
