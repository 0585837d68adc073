"""Writes the keyboard page: its sources, the model, onnxruntime-web, and a list of it all."""

import json
import os
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from gboard_sim.errors import WebPageError
from gboard_sim.keyboard.artefact import read_file, read_manifest
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.keyboard_web import onnxruntime_web
from gboard_sim.runlog.directory import writing

_SOURCES = Path(__file__).with_name("page")
_SHOWN = {".html", ".css", ".js", ".svg"}
_MODEL = ("predict.onnx", "train_step.onnx", "parameters.safetensors", "words.txt")


def prepare(out: Path, runtime: Path | None) -> dict[str, bytes]:
    """All that can be refused before a model is exported.

    Args:
        out: The folder to write: new, empty, or an earlier page.
        runtime: The unpacked npm package onnxruntime-web; without one, npm is asked.

    Returns:
        The files of onnxruntime-web by name.

    Raises:
        WebPageError: The folder holds something else, or onnxruntime-web is not to be had.
    """
    ours = all((out / name).is_file() for name in ("files.js", "service_worker.js"))
    if out.exists() and not ours and (not out.is_dir() or any(out.iterdir())):
        raise WebPageError(
            f"--web {out}: exists and is no earlier page; allowed: a new folder, an empty one, or "
            "one that gboard-sim export --web wrote"
        )
    return onnxruntime_web.find(runtime)


def write_page(artefacts: Path, out: Path, *, runtime: Path | None = None) -> Path:
    """Write the page into a folder that any file server can serve.

    Args:
        artefacts: A folder that `gboard-sim export` wrote, or `artefacts` of a run directory.
        out: The folder to write: new, empty, or an earlier page, which is replaced.
        runtime: The unpacked npm package onnxruntime-web; without one, npm is asked.

    Returns:
        The file `index.html`.

    Raises:
        ArtefactError: The artefacts are damaged.
        WebPageError: They are of a kind that the page cannot read; or see `prepare`.
        RunDirectoryError: The folder cannot be written.
    """
    manifest = read_manifest(artefacts)
    runs = prepare(out, runtime)
    model = _model(artefacts, manifest)
    contents = {
        **{path.name: path.read_bytes() for path in _SOURCES.iterdir() if path.suffix in _SHOWN},
        **{f"model/{name}": content for name, content in model.items()},
        **{f"onnxruntime-web/{name}": content for name, content in runs.items()},
    }
    contents["files.js"] = _listed(contents)
    folder = out.resolve()
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        with writing(out):
            for name, content in contents.items():
                path = aside / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            if folder.exists():
                shutil.rmtree(folder)
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out / "index.html"


def _listed(contents: Mapping[str, bytes]) -> bytes:
    """What the service worker keeps, with a digest that changes when any of it does."""
    digest = sha256()
    for name in sorted(contents):
        digest.update(f"{name} {sha256(contents[name]).hexdigest()}\n".encode())
    kept = ["./", *sorted(contents.keys() - {"service_worker.js"})]
    page = {"digest": digest.hexdigest()[:16], "files": kept}
    return f"self.PAGE = {json.dumps(page, indent=2)};\n".encode()


def _model(artefacts: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of the model that the page reads.

    Raises:
        ArtefactError: One is missing, or not the one that the manifest names.
        WebPageError: They are of a kind that the page cannot read.
    """
    path = artefacts / "manifest.json"
    if manifest.get("tokenizer") != "word":
        raise WebPageError(
            f"{path}: tokenizer = {manifest.get('tokenizer')!r}; allowed: 'word', whose list a "
            "page can read; hint: words of several pieces need sentencepiece, which is not for "
            "browsers"
        )
    if not {"learning_rate", "batch_size"} <= set(manifest.get("training") or ()):
        raise WebPageError(
            f"{path}: training = {manifest.get('training')!r}; allowed: learning_rate and "
            "batch_size, as the run had them; hint: run again with this version"
        )
    Keyboard.load(artefacts)  # whose words are those of its tokenizer
    files = {name: read_file(artefacts, name, manifest["files"]) for name in _MODEL}
    return {**files, "manifest.json": path.read_bytes()}
