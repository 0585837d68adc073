"""The public names, and what using them loads."""

import os
import subprocess
import sys
from typing import Any

import gboard_sim

ASKED = "import sys; print(sorted({'torch', 'onnx', 'numpy'} & set(sys.modules)))"


def test_the_public_names_are_these_and_each_resolves():
    assert gboard_sim.__all__ == ["Experiment", "GboardSimError", "Run", "load", "run"]
    assert {name for name in dir(gboard_sim) if name in gboard_sim._HOMES} <= {*gboard_sim.__all__}
    assert all(getattr(gboard_sim, name).__name__ == name for name in gboard_sim.__all__)


def loaded(*code: str, **more: Any) -> str:
    run = [sys.executable, "-c", "\n".join((*code, ASKED))]
    return subprocess.run(run, capture_output=True, text=True, check=True, **more).stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    assert loaded("import gboard_sim") == "[]"


def test_onnxruntime_reports_to_nobody(tmp_path):
    # Since 1.29 its Linux builds send what they run to their makers; `.ses` is that session's file.
    code = "import gboard_sim, onnxruntime, gboard_sim.learning.workshop"
    environment = {k: v for k, v in os.environ.items() if k not in ("ORT_DISABLE_TELEMETRY", "CI")}
    loaded(code, env=environment | {"TMPDIR": str(tmp_path)})
    assert not list(tmp_path.iterdir())


def test_a_run_of_a_shipped_model_loads_no_torch_here_or_in_its_workers(tmp_path):
    # A torch that cannot be imported stands in the way, here and in the worker processes.
    (tmp_path / "torch.py").write_text("raise AssertionError('torch was imported')")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})",
        "import gboard_sim",
        "experiment = gboard_sim.load('smoke', overrides=['run.versions=2', 'run.workers=2'])",
        f"gboard_sim.run(experiment, out={str(tmp_path / 'run')!r})",
    )
    assert "torch" not in loaded(*code)
    assert (tmp_path / "run" / "summary.json").exists()
