"""Every notebook runs from a fresh copy to its end, and draws what it says that it draws."""

import base64
import io
import json
import re
import shutil
from pathlib import Path

import matplotlib.image
import nbformat
import numpy as np
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat.v4 import new_code_cell, new_notebook

import gboard_sim
from gboard_sim.experiment import file as experiment_file

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*/*.ipynb"))
SLOW = {"published_figures"}
by_name = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
by_name_and_pace = pytest.mark.parametrize(
    "path",
    [pytest.param(p, marks=[pytest.mark.slow] * (p.stem in SLOW), id=p.stem) for p in NOTEBOOKS],
)


def drawn(png: bytes) -> bool:
    """Whether a figure shows data, which is drawn in colour; titles, axes and grid are grey."""
    pixels = matplotlib.image.imread(io.BytesIO(png))[:, :, :3]
    coloured = np.ptp(pixels, axis=2) > 0.2
    return bool(coloured.sum() >= 100)


def execute(notebook: nbformat.NotebookNode, folder: Path) -> list[nbformat.NotebookNode]:
    """Run all cells in `folder` on this interpreter, whatever kernels are installed elsewhere."""
    kernels = KernelSpecManager(kernel_dirs=[])
    NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_name="python3", kernel_spec_manager=kernels),
        timeout=900,
        resources={"metadata": {"path": str(folder)}},
    ).execute(cleanup_kc=True)
    return [out for cell in notebook.cells for out in cell.get("outputs", [])]


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A folder to run in; the kernel keeps its own files there and reads no one's settings."""
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    return tmp_path


@by_name_and_pace
def test_a_notebook_runs_to_its_end_and_no_figure_is_empty(path, alone):
    folder = shutil.copytree(path.parent, alone / "copy", ignore=shutil.ignore_patterns("runs"))
    outputs = execute(nbformat.read(folder / path.name, as_version=4), folder)
    figures = [
        base64.b64decode(o.data["image/png"]) for o in outputs if "image/png" in o.get("data", {})
    ]
    assert figures
    assert all(drawn(png) for png in figures)
    told = "".join(o.text for o in outputs if o.get("name") == "stderr")
    assert "Warning" not in told, told
    if path.stem == "first_round":
        runs = (json.loads(p.read_text()) for p in (folder / "runs").glob("*/summary.json"))
        [long] = (summary for summary in runs if summary["versions"] == 30)
        assert long["recall_at_3"] > 1.5 * long["unigram_recall_at_3"]  # than frequent words teach


@by_name
def test_a_notebook_is_kept_without_its_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)


@by_name
def test_a_notebook_lies_beside_the_experiment_that_it_runs(path):
    assert path.stem == path.parent.name
    experiment = path.parent / "experiment.toml"
    assert gboard_sim.load(experiment).name == path.stem
    for variant in experiment_file.variants(experiment):
        gboard_sim.load(experiment, variant=variant)


def test_there_are_notebooks():
    assert {"first_round", *SLOW} <= {path.stem for path in NOTEBOOKS}


def test_a_failing_cell_fails_the_test(alone):
    with pytest.raises(CellExecutionError, match="by design"):
        execute(new_notebook(cells=[new_code_cell("raise ValueError('by design')")]), alone)


@pytest.mark.parametrize("points", [0, 30])
def test_a_figure_without_data_is_found_out(points):
    figure = Figure(figsize=(4, 2))
    axes = figure.subplots()
    axes.set_title("recall at 3")
    axes.grid()
    axes.plot(range(points))
    written = io.BytesIO()
    figure.savefig(written, format="png")
    assert drawn(written.getvalue()) == (points > 0)


def test_the_lab_log_has_its_newest_entry_first():
    dates = re.findall(r"^## (\d{4}-\d\d-\d\d)\b", (FOLDER / "LOG.md").read_text(), re.M)
    assert dates
    assert dates == sorted(dates, reverse=True)
