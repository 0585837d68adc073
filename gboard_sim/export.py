"""The join behind `gboard-sim export`: a run's model as a keyboard team takes it home.

The run's text is read again, so that the files are judged on it: each is loaded by a new process
and compared with torch, and recall is taken before and after the weights lose bits.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from gboard_sim import artefacts
from gboard_sim.course.learning_half import open_workshop
from gboard_sim.course.text import experiment_with_text, with_text
from gboard_sim.errors import ArtefactError, RunDirectoryError
from gboard_sim.keyboard.artefact import FORMAT
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.learning.evaluation.evaluation import ROWS, EvaluationSet
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.model.quantization import Precision, weights_kept
from gboard_sim.learning.model.spec import layout
from gboard_sim.learning.text.prepared import PreparedText
from gboard_sim.learning.trainers.torch_trainer import TorchTrainer
from gboard_sim.learning.trainers.trainer import Carry, empty_carry
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog.directory import RunDirectory, writing
from gboard_sim.seam.records import Vector

TOLERANCE = 1e-4
"""How far a graph may be from torch, in nats and in the units of states and weights (assumed)."""

COMPARED = 64
"""Test messages on which graphs are compared with torch (assumed)."""

LEARNING_RATE = 0.1
"""Of the step of training that is compared (assumed)."""


@dataclass(frozen=True, slots=True)
class Exported:
    """A finished export.

    Attributes:
        folder: Where it lies.
        manifest: The object in its `manifest.json`.
    """

    folder: Path
    manifest: Mapping[str, Any]


def export(
    run: Path,
    *,
    precision: Precision = "float32",
    out: Path | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Exported:
    """Write a run's model for a keyboard; nothing is left of an export that fails.

    Args:
        run: The directory of a finished run.
        precision: How `predict.onnx` stores its weights.
        out: The folder to write, by default `export-<precision>` in the run's directory; an
            earlier export there is replaced.
        tell: Told what is being done.

    Raises:
        GboardSimError: The run, its text or the folder cannot be used.
        ArtefactError: A file does not do what torch does.
    """
    directory = RunDirectory.open(run)
    folder = (directory / f"export-{precision}" if out is None else out).resolve()
    _may_write(folder)
    with tempfile.TemporaryDirectory(prefix="gboard-sim-") as scratch:
        tell("reading the text of the run")
        workshop, text, test = opened(directory, Path(scratch))
        parameters = parameters_of(directory, workshop)
        kept = weights_kept(workshop.spec, workshop.tokens, parameters, precision)
        tell(f"judging the weights in {precision}")
        recall, recall_kept = (_recall(workshop, text, test, p) for p in (parameters, kept))
        facts = {
            **_origin(directory),
            "recall_at_3": recall_kept,
            "recall_at_3_float32": recall,
            "recall_words": len(test.words),
        }
        aside = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        try:
            with writing(folder):
                aside.mkdir()
                made = artefacts.contents(workshop, parameters, facts, precision)
                artefacts.write_into(aside, made)
            tell("comparing the files with torch, in a new process")
            expected = _expected(workshop, text, test, parameters, kept)
            apart = _compared(aside, expected, Path(scratch) / "expected.npz")
            manifest = json.loads(made["manifest.json"]) | {"apart_from_torch": apart}
            with writing(folder):
                (aside / "manifest.json").write_bytes(artefacts.as_bytes(manifest))
                _replace(aside, folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return Exported(folder, manifest)


def _may_write(folder: Path) -> None:
    """Refuses to write over anything but an earlier export.

    Raises:
        ArtefactError: There is something else.
        RunDirectoryError: It cannot be written.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
        return
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        ours = manifest["format"] == FORMAT and folder.name != "artefacts"
    except (OSError, ValueError, KeyError, TypeError):
        ours = False
    if not ours:
        raise ArtefactError(
            f"--out {folder}: exists and is no earlier export; allowed: a new folder, an empty "
            "one, or one that gboard-sim export wrote"
        )


def _replace(aside: Path, folder: Path) -> None:
    """Put a finished folder in its place."""
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def opened(directory: RunDirectory, scratch: Path) -> tuple[Workshop, PreparedText, EvaluationSet]:
    """The run's tools, its text, and the messages that its headline was read on.

    Raises:
        RunDirectoryError: The run has no model.
        CorpusError: Its text has changed.
    """
    experiment = experiment_with_text(directory)
    made, text = with_text(experiment)
    workshop = replace(
        open_workshop(made, text, directory, scratch), trainer_name="onnxruntime", device="cpu"
    )
    return workshop, text, text.evaluation_set("test", experiment.evaluation.test_messages)


def parameters_of(directory: RunDirectory, workshop: Workshop) -> Vector:
    """The parameters of the run's last version.

    Raises:
        RunDirectoryError: They are missing, damaged, or of another model.
    """
    path = directory / "artefacts" / "parameters.safetensors"
    named = layout(workshop.spec, workshop.tokens)
    flat = np.empty(sum(tensor.size for tensor in named), np.float32)
    told = directory.read_json("artefacts/manifest.json")
    try:
        if sha256(path.read_bytes()).hexdigest() != told["files"][path.name]["sha256"]:
            raise ValueError("manifest.json names a file with another sha256")
        tensors = load_file(path)
        for tensor in named:
            flat[tensor.slice] = tensors[tensor.name].reshape(tensor.size)
    except (OSError, KeyError, TypeError, ValueError, SafetensorError) as error:
        raise RunDirectoryError(f"{path}: not the parameters of the run: {error}") from None
    return flat


def _origin(directory: RunDirectory) -> dict[str, Any]:
    """Where the model came from, and the privacy that its run can claim."""
    manifest = directory.read_json("artefacts/manifest.json")
    names = ("experiment", "seed", "version", "text", "text_licence", "training")
    origin = {name: manifest.get(name) for name in names}
    if (directory / "ledger.json").is_file():
        ledger = directory.read_json("ledger.json")
        origin["epsilon"] = ledger["epsilon_policy"]
        origin["privacy"] = ledger["broken"] or ledger["sentence"]
    return origin


def _recall(
    workshop: Workshop, text: PreparedText, test: EvaluationSet, parameters: Vector
) -> float:
    """Top-3 recall on the test text."""
    parts = (test.rows[first : first + ROWS] for first in range(0, len(test.rows), ROWS))
    scorer = workshop.scorer
    scored = [scorer.score(text.store.test, rows, parameters) for rows in parts]
    return test.recall(Scored.joined(scored).shown)


def _expected(
    workshop: Workshop, text: PreparedText, test: EvaluationSet, parameters: Vector, kept: Vector
) -> dict[str, Any]:
    """What torch makes of some test messages; see `keyboard.reloading.differences`.

    Args:
        workshop: The run's tools.
        text: Its text.
        test: The messages.
        parameters: What `score.onnx` and `train_step.onnx` are given. Shape [P].
        kept: What `predict.onnx` has inside. Shape [P].
    """
    torch = TorchTrainer(workshop.spec, workshop.tokens, parts=workshop.parts)
    batch = text.store.test.token_store().pack(test.rows[:COMPARED], workshop.spec.lane)
    trained = torch.train(parameters, [batch], LEARNING_RATE)
    carry = empty_carry(workshop.spec, len(batch.inputs))
    for token, reset in zip(batch.inputs.T, batch.reset.T, strict=True):
        keeps = 1 - reset[:, None]
        carry = torch.predict(kept, token, Carry(carry.out * keeps, carry.state * keeps)).carry
    return {
        "inputs": batch.inputs,
        "targets": batch.targets,
        "reset": batch.reset,
        "weight": batch.weight,
        "learning_rate": np.float32(LEARNING_RATE),
        "score": torch.score(parameters, batch).log_probability,
        "loss": np.float32(trained.loss),
        "predict": torch.score(kept, batch).log_probability,
        "out": carry.out,
        "state": carry.state,
        **{
            f"new_{tensor.name}": trained.parameters[tensor.slice].reshape(tensor.shape)
            for tensor in layout(workshop.spec, workshop.tokens)
        },
    }


def _compared(folder: Path, expected: Mapping[str, Any], scratch: Path) -> dict[str, float]:
    """How far each graph is from torch, and whether the loader that lies beside them runs.

    Raises:
        ArtefactError: One is too far, or did not run.
    """
    np.savez(scratch, **expected)
    apart: dict[str, float] = json.loads(
        _said("-m", "gboard_sim.keyboard.reloading", str(folder), str(scratch))
    )
    for name, distance in apart.items():
        if not distance <= TOLERANCE:
            raise ArtefactError(
                f"{folder / name}: {distance:.3g} from torch on test text; allowed: at most "
                f"{TOLERANCE:g}; hint: another onnxruntime may compute it right"
            )
    word = Keyboard.load(folder).suggest("")
    if _said("-B", str(folder / "keyboard.py"), "").split("\n")[:-1] != word:
        raise ArtefactError(f"{folder / 'keyboard.py'}: does not suggest {word}")
    return apart


def _said(*arguments: str) -> str:
    """What a new process of this interpreter prints.

    Raises:
        ArtefactError: It failed.
    """
    ended = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise ArtefactError(f"the exported files do not run: {ended.stderr.strip()[-500:]}")
    return ended.stdout
