"""The folder that a phone installs, read and checked: the model, its tokenizer, and its words."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

# Before onnxruntime is imported: its builds may report what they run to Microsoft otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
import sentencepiece

from gboard_sim.errors import ArtefactError

FORMAT = "gboard-sim keyboard 1"
"""What `manifest.json` says of a folder that this loader reads."""

FILES = ("predict.onnx", "tokenizer.model", "words.txt")
"""All that a keyboard reads beside `manifest.json`."""

INPUTS = ["token", "out", "state"]
OUTPUTS = {"log_probabilities", "new_out", "new_state"}
"""What `predict.onnx` makes of a token and the state carried so far."""

SPECIAL = 2
"""Token ids below are `<unk>`, 0, and `<s>`, 1."""

BEGIN = 1
SPACE = "\u2581"  # sentencepiece's mark of a piece that begins a word

HINT = "hint: write the folder again with gboard-sim export"


@dataclass(frozen=True, slots=True)
class Artefact:
    """What a keyboard runs.

    Attributes:
        predict: The session of `predict.onnx`.
        pieces: The tokenizer.
        words: The words that may be shown, the most frequent first.
        spelt: The tokenizer's pieces. Shape [V].
        whole: Whether every piece is a word: `words[i]` is token `SPECIAL + i`.
    """

    predict: onnxruntime.InferenceSession
    pieces: sentencepiece.SentencePieceProcessor
    words: list[str]
    spelt: list[str]
    whole: bool


def read_artefact(folder: Path) -> Artefact:
    """The model, the tokenizer and the words of a folder.

    Raises:
        ArtefactError: A file is missing, damaged, not the one that the manifest names, or does
            not go with the others.
    """
    manifest = read_manifest(folder)
    content = {name: read_file(folder, name, manifest["files"]) for name in FILES}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    pieces = sentencepiece.SentencePieceProcessor()
    try:
        pieces.load_from_serialized_proto(content["tokenizer.model"])
        predict = onnxruntime.InferenceSession(
            content["predict.onnx"], options, providers=["CPUExecutionProvider"]
        )
        shapes = {node.name: node.shape for node in predict.get_outputs()}
        if [node.name for node in predict.get_inputs()] != INPUTS or not shapes.keys() >= OUTPUTS:
            raise ValueError(f"predict.onnx does not make {sorted(OUTPUTS)} of {INPUTS}")
        words = content["words.txt"].decode().split("\n")[:-1]
        sizes = shapes["log_probabilities"][1], pieces.get_piece_size(), manifest["tokens"]
    except Exception as error:  # each library has errors of its own
        raise ArtefactError(f"{folder}: cannot be loaded: {error}; {HINT}") from None
    if len(set(sizes)) != 1:
        raise ArtefactError(
            f"{folder}: predict.onnx has {sizes[0]} tokens, tokenizer.model {sizes[1]}, "
            f"manifest.json {sizes[2]}; allowed: the same number; {HINT}"
        )
    spelt = pieces.id_to_piece(list(range(pieces.get_piece_size())))
    if spelt[:SPECIAL] != ["<unk>", "<s>"]:
        raise ArtefactError(
            f"{folder / 'tokenizer.model'}: tokens 0 and 1 are {spelt[:SPECIAL]}; allowed: <unk> "
            f"and <s>; {HINT}"
        )
    whole = spelt[SPECIAL:] == [SPACE + word for word in words]
    reason = _mismatch(manifest, pieces, words, whole=whole)
    if reason:
        raise ArtefactError(f"{folder / 'words.txt'}: {reason}; {HINT}")
    return Artefact(predict, pieces, words, spelt, whole)


def _mismatch(
    manifest: Mapping[str, Any],
    pieces: sentencepiece.SentencePieceProcessor,
    words: list[str],
    *,
    whole: bool,
) -> str:
    """Why the words are not those of the tokenizer and the manifest; empty where they are."""
    if len(words) != manifest["words"]:
        return f"{len(words)} words; allowed: the {manifest['words']} that manifest.json counts"
    if len(set(words)) != len(words):
        return "a word stands in it twice; allowed: once each"
    if manifest["tokenizer"] == "word":
        return "" if whole else "not the words of tokenizer.model; allowed: those, in its order"
    unknown = pieces.unk_id()
    for word, spelling in zip(words, pieces.encode(words), strict=True):
        if not spelling or unknown in spelling:
            return f"tokenizer.model cannot spell {word!r}; allowed: words that it can"
    return ""


def read_manifest(folder: Path) -> Mapping[str, Any]:
    """The manifest of a folder.

    Raises:
        ArtefactError: There is none, or it is no manifest of ours.
    """
    path = folder / "manifest.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ArtefactError(
            f"{folder}: no folder of artefacts: it has no manifest.json; {HINT}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ArtefactError(f"{path}: cannot be read: {error}; {HINT}") from None
    said = found.get("format") if isinstance(found, dict) else None
    if said != FORMAT:
        raise ArtefactError(f"{path}: format = {said!r}; allowed: {FORMAT!r}; {HINT}")
    for key, kind in (("tokens", int), ("words", int), ("tokenizer", str), ("files", dict)):
        if not isinstance(found.get(key), kind) or not found[key]:
            raise ArtefactError(f"{path}: {key} = {found.get(key)!r} is unusable; {HINT}")
    return dict(found)


def read_file(folder: Path, name: str, files: Mapping[str, Any]) -> bytes:
    """A file of the folder, if it is the one that the manifest names.

    Raises:
        ArtefactError: It is not.
    """
    path = folder / name
    try:
        content = path.read_bytes()
        wanted = files[name]["bytes"], files[name]["sha256"]
    except (KeyError, TypeError):
        raise ArtefactError(f"{folder / 'manifest.json'}: does not name {name}; {HINT}") from None
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read: {error.strerror}; {HINT}") from None
    found = len(content), sha256(content).hexdigest()
    if found != wanted:
        raise ArtefactError(
            f"{path}: {found[0]} bytes with sha256 {found[1][:16]}...; manifest.json names "
            f"{wanted[0]} with {str(wanted[1])[:16]}...; {HINT}"
        )
    return content
