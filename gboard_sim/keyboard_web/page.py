"""Writes the keyboard page: its sources, the model, onnxruntime-web, and a list of it all."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from gboard_sim.errors import WebPageError
from gboard_sim.keyboard.keyboard import read_file, read_manifest
from gboard_sim.keyboard_web import onnxruntime_web
from gboard_sim.runlog import RunDirectory

_SOURCES = Path(__file__).with_name("page")
_SHOWN = {".html", ".css", ".js", ".svg"}
_MODEL = ("predict.onnx", "train_step.onnx", "parameters.safetensors", "words.txt")


def write_page(artefacts: Path, out: Path, *, runtime: Path | None = None) -> Path:
    """Write the page into a folder that any file server can serve.

    Args:
        artefacts: A folder that `gboard-sim export` wrote, or `artefacts` of a run directory.
        out: The folder to write: new, or empty.
        runtime: The unpacked npm package onnxruntime-web; without one, npm is asked.

    Returns:
        The file `index.html`.

    Raises:
        ArtefactError: The artefacts are damaged.
        WebPageError: They are of a kind that the page cannot read, or onnxruntime-web is not to
            be had.
        RunDirectoryError: The folder holds something, or cannot be written.
    """
    model = _model(artefacts)
    contents = {
        **{path.name: path.read_bytes() for path in _SOURCES.iterdir() if path.suffix in _SHOWN},
        **{f"model/{name}": content for name, content in model.items()},
        **{
            f"onnxruntime-web/{name}": content
            for name, content in onnxruntime_web.find(runtime).items()
        },
    }
    contents["files.js"] = _listed(contents)
    folder = RunDirectory.create(out)
    for name, content in contents.items():
        folder.write_bytes(name, content)
    return out / "index.html"


def _listed(contents: Mapping[str, bytes]) -> bytes:
    """What the service worker keeps, with a digest that changes when any of it does."""
    digest = sha256()
    for name in sorted(contents):
        digest.update(f"{name} {sha256(contents[name]).hexdigest()}\n".encode())
    kept = ["./", *sorted(contents.keys() - {"service_worker.js"})]
    page = {"digest": digest.hexdigest()[:16], "files": kept}
    return f"self.PAGE = {json.dumps(page, indent=2)};\n".encode()


def _model(artefacts: Path) -> dict[str, bytes]:
    """The files of the model that the page reads.

    Raises:
        ArtefactError: One is missing, or not the one that the manifest names.
        WebPageError: They are of a kind that the page cannot read.
    """
    manifest = read_manifest(artefacts)
    path = artefacts / "manifest.json"
    if manifest.get("tokenizer") != "word":
        raise WebPageError(
            f"{path}: tokenizer = {manifest.get('tokenizer')!r}; allowed: 'word', whose list a "
            "page can read; hint: words of several pieces need sentencepiece, which is not for "
            "browsers"
        )
    if manifest.get("weights") != "float32":
        raise WebPageError(
            f"{path}: weights = {manifest.get('weights')!r}; allowed: 'float32', because the page "
            "writes what it has learned over them; hint: export without --quantize"
        )
    if not {"learning_rate", "batch_size"} <= set(manifest.get("training") or ()):
        raise WebPageError(
            f"{path}: training = {manifest.get('training')!r}; allowed: learning_rate and "
            "batch_size, as the run had them; hint: run again with this version"
        )
    files = {name: read_file(artefacts, name, manifest["files"]) for name in _MODEL}
    return {**files, "manifest.json": path.read_bytes()}
