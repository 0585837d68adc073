"""`gboard-sim export RUN --web DIR`, as a user meets it."""

import json
import sys

import pytest

from gboard_sim.cli import app as cli
from gboard_sim.keyboard_web.onnxruntime_web import FILES


@pytest.fixture
def export(smoke, tmp_path, monkeypatch, capsys):
    """Carries the command out in this process: its status, and what it printed where."""
    runtime = tmp_path / "package"
    runtime.mkdir()
    for name in FILES:
        (runtime / name).write_bytes(b"")

    def carry_out(*arguments):
        more = ["--out", tmp_path / "exported", "--onnxruntime-web", runtime]
        command = ["gboard-sim", "export", smoke.directory.path, *arguments, *more]
        monkeypatch.setattr(sys, "argv", [str(each) for each in command])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code, *capsys.readouterr()

    return carry_out


def test_it_writes_the_page_of_what_it_exported(export, smoke, tmp_path):
    status, out, _ = export("--web", tmp_path / "page", "--quantize", "int8")
    assert status == 0
    assert out.splitlines()[-1].startswith(str(tmp_path / "page" / "index.html"))
    predict = (tmp_path / "page" / "model" / "predict.onnx").read_bytes()
    assert predict == (tmp_path / "exported" / "predict.onnx").read_bytes()
    manifest = json.loads((tmp_path / "page" / "model" / "manifest.json").read_text())
    assert manifest["weights"] == "int8"
    assert manifest["training"] == {"batch_size": 8, "learning_rate": 1.0}


def test_what_cannot_become_a_page_is_refused_before_the_export(export, tmp_path):
    status, out, said = export("--web", tmp_path)
    assert (status, out) == (2, "")
    assert said.startswith(f"gboard-sim: --web {tmp_path}: exists and is no earlier page")
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "exported").exists()
