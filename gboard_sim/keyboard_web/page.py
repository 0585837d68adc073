"""Writes the keyboard page: its sources, the model, onnxruntime-web, and a list of it all."""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from gboard_sim.errors import WebPageError
from gboard_sim.keyboard.tokenizer import BEGIN, Tokenizer
from gboard_sim.keyboard_web import onnxruntime_web
from gboard_sim.runlog import RunDirectory

_SOURCES = Path(__file__).with_name("page")
_SHOWN = {".html", ".css", ".js", ".svg"}
_MODEL = ("predict.onnx", "train_step.onnx", "parameters.safetensors", "words.txt")


def write_page(artefacts: Path, out: Path, *, runtime: Path | None = None) -> Path:
    """Write the page into a folder that any file server can serve.

    Args:
        artefacts: The folder `artefacts` of a run directory.
        out: The folder to write: new, or empty.
        runtime: The unpacked npm package onnxruntime-web; without one, npm is asked.

    Returns:
        The file `index.html`.

    Raises:
        WebPageError: The artefacts are damaged or of a kind that the page cannot read, or
            onnxruntime-web is not to be had.
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
        WebPageError: One is missing or not the one that the manifest describes, or the tokenizer
            is not a list of whole words.
    """
    manifest = _manifest(artefacts / "manifest.json")
    files = {name: _checked(artefacts / name, manifest) for name in (*_MODEL, "tokenizer.model")}
    tokenizer = Tokenizer(files.pop("tokenizer.model"))
    if not tokenizer.whole_words:
        raise WebPageError(
            f"{artefacts / 'tokenizer.model'}: its pieces are parts of words; allowed: "
            "text.tokenizer = 'word', whose list the page can read; hint: the other kinds run "
            "wherever sentencepiece does"
        )
    words = files["words.txt"].decode().split()
    if words != [tokenizer.piece(token) for token in range(BEGIN + 1, tokenizer.size)]:
        raise WebPageError(
            f"{artefacts / 'words.txt'}: not the words of tokenizer.model in its order; hint: the "
            "two files are of different runs"
        )
    return {**files, "manifest.json": json.dumps(manifest).encode()}


def _manifest(path: Path) -> dict[str, Any]:
    """What a manifest says.

    Raises:
        WebPageError: It is missing, no JSON object, or lacks what the page shows.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        {manifest[key] for key in ("experiment", "seed", "version", "recall_at_3", "text", "model")}
        {manifest[key] for key in ("tokens", "parameters")}
        {manifest["training"][key] for key in ("learning_rate", "batch_size")}
        {manifest["files"][name]["sha256"] for name in (*_MODEL, "tokenizer.model")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WebPageError(
            f"{path}: not the manifest of a run's artefacts ({error!r}); hint: name a run "
            "directory that `gboard-sim run` has finished"
        ) from None
    return dict(manifest)


def _checked(path: Path, manifest: Mapping[str, Any]) -> bytes:
    """A file that is the one its manifest describes.

    Raises:
        WebPageError: It is missing, or another.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WebPageError(f"{path}: cannot be read: {error.strerror}") from None
    if sha256(content).hexdigest() != manifest["files"][path.name]["sha256"]:
        raise WebPageError(
            f"{path}: its {len(content)} bytes do not have the sha256 that manifest.json states; "
            "hint: the file is truncated, or of another run"
        )
    return content
