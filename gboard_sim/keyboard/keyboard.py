"""A phone keyboard's next-word model: which words to show after what has been typed so far.

```python
keyboard = Keyboard.load("the folder that gboard-sim export wrote")
keyboard.suggest("see you ")     # the next word, because the text ends in a space
keyboard.suggest("see you to")   # the word being typed: words that begin with "to"
keyboard.compose("see you ", 0.5)  # two words or more, where all have a chance of a half
```

Only onnxruntime, numpy and sentencepiece are needed. The folder's `predict.onnx` reads one token
and the state carried so far, and gives the log-probability of every token that may come next and
the new state. A line is a message and starts from `<s>`; of a long one the model reads the last
`REACH` tokens at least. The states of the line are kept, so that typing on, and deleting, costs
nothing for what was read before.

`<unk>` and `<s>` are no words and are never shown. One keyboard serves one thread.
"""

import argparse
import json
import os
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

# Before onnxruntime is imported: its builds may report what they run to Microsoft otherwise.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy as np
import numpy.typing as npt
import onnxruntime
import sentencepiece

from gboard_sim.errors import ArtefactError
from gboard_sim.keyboard.compose import MOST, continuations
from gboard_sim.keyboard.words import strip, tokens

FORMAT = "gboard-sim keyboard 1"
"""What `manifest.json` says of a folder that this loader reads."""

FILES = ("predict.onnx", "tokenizer.model", "words.txt")
"""All that a keyboard reads beside `manifest.json`."""

SPECIAL = 2
"""Token ids below are `<unk>`, 0, and `<s>`, 1."""

BEGIN = 1
SPACE = "\u2581"  # sentencepiece's mark of a piece that begins a word
AFTER_ALL = "\U0010ffff"  # sorts after whatever follows a prefix
REACH = 64  # tokens (assumed): twice as many are kept at most, and a line of any length is quick
MOST_OPENED = 500  # pieces read in search of a word (assumed): bounds what one key can cost

Floats = npt.NDArray[np.float32]
Spelling = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model is after some tokens, and what it then expects.

    Attributes:
        out: The recurrent output. Shape [1, R].
        state: The recurrent state. Shape [1, U].
        log_probabilities: Of every token to come next. Shape [V].
    """

    out: Floats
    state: Floats
    log_probabilities: Floats


class Keyboard:
    """A model, its tokenizer, and the words that it may show.

    Args:
        predict: The session of `predict.onnx`.
        pieces: The tokenizer.
        words: The words that may be shown, the most frequent first.
        blocklist: Words that are never shown.
    """

    def __init__(
        self,
        predict: onnxruntime.InferenceSession,
        pieces: sentencepiece.SentencePieceProcessor,
        words: Sequence[str],
        blocklist: Iterable[str] = (),
    ) -> None:
        self._predict = predict
        self._encode = lru_cache(1 << 14)(pieces.encode)
        self._tree = lru_cache(1 << 6)(self._grown)
        blocked = {strip(token) for entry in blocklist for token in tokens(entry)}
        shown = [(word, place) for place, word in enumerate(words) if word not in blocked]
        shown.sort()
        self._words = words
        self._sorted = [word for word, _ in shown]
        self._places = np.array([place for _, place in shown], np.int64)
        spelt = pieces.id_to_piece(list(range(pieces.get_piece_size())))
        self._whole = spelt[SPECIAL:] == [SPACE + word for word in words]
        self._spellings = [] if self._whole else list(map(tuple, pieces.encode(list(words))))
        self._begins_word = np.array([piece.startswith(SPACE) for piece in spelt])
        empty = [np.zeros((1, node.shape[1]), np.float32) for node in predict.get_inputs()[1:]]
        self._tokens: list[int] = []
        self._readings = [self._read(BEGIN, empty[0], empty[1])]

    @classmethod
    def load(cls, folder: Path | str, blocklist: Iterable[str] = ()) -> "Keyboard":
        """A keyboard from the folder that `gboard-sim export` wrote.

        Args:
            folder: It has `manifest.json` and the files named in `FILES`.
            blocklist: Words that are never shown.

        Raises:
            ArtefactError: A file is missing, damaged, or not the one that the manifest names.
        """
        folder = Path(folder)
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
            if "log_probabilities" not in shapes:
                raise ValueError("predict.onnx gives no log_probabilities")
            sizes = shapes["log_probabilities"][1], pieces.get_piece_size(), manifest["tokens"]
            words = content["words.txt"].decode().split("\n")[:-1]
            if len(set(sizes)) == 1:
                return cls(predict, pieces, words, blocklist)
        except Exception as error:  # each library has errors of its own
            raise ArtefactError(f"{folder}: cannot be loaded: {error}; {_HINT}") from None
        raise ArtefactError(
            f"{folder}: predict.onnx has {sizes[0]} tokens, tokenizer.model {sizes[1]}, "
            f"manifest.json {sizes[2]}; allowed: the same number; {_HINT}"
        )

    def suggest(self, text: str, k: int = 3) -> list[str]:
        """The words to show, the most probable first.

        Text that ends in a space, or in punctuation, asks for the next word. Otherwise its last
        word is still being typed, and the words to show begin with it; there may be none.

        Args:
            text: What has been typed so far; only its last line is read.
            k: Most words to show.
        """
        before, typed = self._split(text)
        return [word for word, _ in self.ranked(before, typed, k)]

    def compose(self, text: str, confidence: float, most: int = MOST) -> list[str]:
        """Two words or more to offer at once; none where the model is not sure enough.

        Args:
            text: What has been typed so far; nothing is offered within a word.
            confidence: Least probability that all of the words are the next ones, above 0.
            most: Most words.
        """
        before, typed = self._split(text)
        found = [] if typed else continuations(self.following, before, confidence, most)
        return list(found[-1].words) if found else []

    def following(self, before: Sequence[str], k: int) -> list[tuple[str, float]]:
        """The most probable next words; see `ranked`."""
        return self.ranked(before, "", k)

    def accepted(self, text: str, word: str) -> str:
        """The text after a word that was shown has been taken: with it, and a space behind it.

        Args:
            text: What had been typed.
            word: The word, which takes the place of the letters that were being typed.
        """
        typed = self._split(text)[1]
        for start in range(len(text) - 1, -1, -1) if typed else ():
            if tokens(text[start:]) == [typed]:
                return f"{text[:start]}{word} "
        space = " " if text and tokens(text[-1]) else ""
        return f"{text}{space}{word} "

    def ranked(self, before: Sequence[str], typed: str = "", k: int = 3) -> list[tuple[str, float]]:
        """The most probable words and their natural log-probabilities, the best first.

        Args:
            before: The line's words so far, as the word rule leaves them.
            typed: Letters of the next one: only words that begin with them, and are longer, count.
            k: Most words wanted.
        """
        reading = self._after([token for word in before for token in self._encode(word)])
        if k < 1 or not len(self._beginning_with(typed)):
            return []
        return (self._rank_whole if self._whole else self._rank_spelt)(reading, typed, k)

    def has(self, word: str) -> bool:
        """Whether a word may be shown."""
        at = bisect_left(self._sorted, word)
        return at < len(self._sorted) and self._sorted[at] == word

    def log_probabilities(self, before: Sequence[str], words: Sequence[str]) -> list[float]:
        """Natural log-probabilities of some words as the next one; each must be one it `has`.

        Args:
            before: The line's words so far.
            words: The words.
        """
        reading = self._after([token for word in before for token in self._encode(word)])
        places = [int(self._places[bisect_left(self._sorted, word)]) for word in words]
        if self._whole:
            return [float(reading.log_probabilities[place + SPECIAL]) for place in places]
        return [self._spelt(reading, self._spellings[place]) for place in places]

    def _spelt(self, reading: Reading, spelling: Spelling) -> float:
        """Log-probability of a word by its pieces; see `_rank_spelt`."""
        score, here = -self._boundary(reading), reading
        for piece in spelling:
            score += float(here.log_probabilities[piece])
            here = self._read(piece, here.out, here.state)
        return score + self._boundary(here)

    def _split(self, text: str) -> tuple[list[str], str]:
        """The words of the last line, and the letters of the one that is still being typed."""
        line = text.rpartition("\n")[2]
        parts = tokens(line)
        typed = ""
        if parts and tokens(line[-1]):  # the text does not end in a space
            # A letter behind it keeps what `strip` would take from its end: don' may become don't.
            typed = strip(parts[-1] + "a")[:-1]
            if strip(parts[-1]) != typed and not len(self._beginning_with(typed)):
                typed = ""  # punctuation has ended the word
            else:
                parts.pop()
        return [word for part in parts if (word := strip(part))], typed

    def _beginning_with(self, typed: str) -> npt.NDArray[np.int64]:
        """Places in the word list of the words that begin with some letters and are longer."""
        first, end = bisect_left(self._sorted, typed), len(self._sorted)
        if typed:
            end = bisect_left(self._sorted, typed + AFTER_ALL)
            first += first < end and self._sorted[first] == typed
        return self._places[first:end]

    def _after(self, line: list[int]) -> Reading:
        """What the model expects after a line's tokens: reads only those that are new."""
        context = line[max(0, len(line) // REACH - 1) * REACH :]
        same = 0
        for known, token in zip(self._tokens, context, strict=False):
            if known != token:
                break
            same += 1
        del self._readings[same + 1 :]
        for token in context[same:]:
            last = self._readings[-1]
            self._readings.append(self._read(token, last.out, last.state))
        self._tokens = context
        return self._readings[-1]

    def _read(self, token: int, out: Floats, state: Floats) -> Reading:
        """Run the model over one token."""
        scores, out, state = self._predict.run(
            ["log_probabilities", "new_out", "new_state"],
            {"token": np.array([token], np.int32), "out": out, "state": state},
        )
        return Reading(out, state, scores[0])

    def _rank_whole(self, reading: Reading, typed: str, k: int) -> list[tuple[str, float]]:
        """The best words where every token is a word: `words[i]` is token `SPECIAL + i`."""
        places = self._beginning_with(typed)
        scores = reading.log_probabilities[places + SPECIAL]
        best = np.argpartition(-scores, min(k, len(scores)) - 1)[:k]
        best = best[np.lexsort((places[best], -scores[best]))]
        return [(self._words[places[i]], float(scores[i])) for i in best]

    def _rank_spelt(self, reading: Reading, typed: str, k: int) -> list[tuple[str, float]]:
        """The best words where a word is several pieces: best-first search of their tree.

        A word's score is that of its pieces and of a piece that begins a word after them, divided
        by the chance that a word begins here. What is left unopened can only score less.
        """
        tree = self._tree(typed)
        found: list[tuple[float, int]] = []
        heap: list[tuple[float, Spelling, Reading]] = [(0.0, (), reading)]
        for _ in range(MOST_OPENED):
            if not heap or (len(found) >= k and sorted(found)[k - 1][0] <= heap[0][0]):
                break
            cost, spelling, parent = heappop(heap)
            here = self._read(spelling[-1], parent.out, parent.state) if spelling else parent
            ended, below = tree[spelling]
            if ended is not None:
                found.append((cost - self._boundary(here), ended))
            costs = cost - here.log_probabilities[below]
            for piece, more in zip(below, costs.tolist(), strict=True):
                heappush(heap, (more, (*spelling, piece), here))
        begins = self._boundary(reading)
        return [(self._words[place], -cost - begins) for cost, place in sorted(found)[:k]]

    def _grown(self, typed: str) -> dict[Spelling, tuple[int | None, list[int]]]:
        """The tree of the words that begin so: each node's word, if any, and what may follow it."""
        ends: dict[Spelling, int] = {}
        below: dict[Spelling, dict[int, None]] = {}
        for place in self._beginning_with(typed).tolist():
            spelling = self._spellings[place]
            ends.setdefault(spelling, place)
            for at, piece in enumerate(spelling):
                below.setdefault(spelling[:at], {})[piece] = None
            below.setdefault(spelling, {})
        return {node: (ends.get(node), list(pieces)) for node, pieces in below.items()}

    def _boundary(self, reading: Reading) -> float:
        """Log-probability that the next piece begins a word."""
        return float(np.log(np.exp(reading.log_probabilities[self._begins_word]).sum()))


_HINT = "hint: write the folder again with gboard-sim export"


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
            f"{folder}: no folder of artefacts: it has no manifest.json; {_HINT}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ArtefactError(f"{path}: cannot be read: {error}; {_HINT}") from None
    said = found.get("format") if isinstance(found, dict) else None
    if said != FORMAT:
        raise ArtefactError(f"{path}: format = {said!r}; allowed: {FORMAT!r}; {_HINT}")
    for key, kind in (("tokens", int), ("files", dict)):
        if not isinstance(found.get(key), kind) or not found[key]:
            raise ArtefactError(f"{path}: {key} = {found.get(key)!r} is unusable; {_HINT}")
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
        raise ArtefactError(f"{folder / 'manifest.json'}: does not name {name}; {_HINT}") from None
    except OSError as error:
        raise ArtefactError(f"{path}: cannot be read: {error.strerror}; {_HINT}") from None
    found = len(content), sha256(content).hexdigest()
    if found != wanted:
        raise ArtefactError(
            f"{path}: {found[0]} bytes with sha256 {found[1][:16]}...; manifest.json names "
            f"{wanted[0]} with {str(wanted[1])[:16]}...; {_HINT}"
        )
    return content


def main() -> None:
    """`python keyboard.py "text so far"`: the words that a keyboard would show, one a line."""
    parser = argparse.ArgumentParser(description="The words to show after a text.")
    parser.add_argument("text", help="what has been typed; end it in a space for the next word")
    parser.add_argument("-k", type=int, default=3, help="most words to show")
    given = parser.parse_args()
    try:
        keyboard = Keyboard.load(Path(__file__).parent)
    except ArtefactError as error:
        sys.exit(str(error))
    sys.stdout.writelines(f"{word}\n" for word in keyboard.suggest(given.text, given.k))


if __name__ == "__main__":
    main()
