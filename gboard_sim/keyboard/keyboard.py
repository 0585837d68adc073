"""A phone keyboard's next-word model: which words to show after what has been typed so far.

```python
keyboard = Keyboard.load("the folder that gboard-sim export wrote")
keyboard.suggest("see you ")     # the next word, because the text ends in a space
keyboard.suggest("see you to")   # the word being typed: words that begin with "to"
keyboard.compose("see you ", 0.5)  # two words or more, where all have a chance of a half
keyboard.remember("see you soon, alice")  # typed and sent: what `compose` may offer again
```

Only onnxruntime, numpy and sentencepiece are needed. The folder's `predict.onnx` reads one token
and the state carried so far, and gives the log-probability of every token that may come next and
the new state. A line is a message and starts from `<s>`; of a long one the model reads the last
64 tokens at least. The states of the line are kept, so that typing on, and deleting, costs
nothing for what was read before.

`<unk>` and `<s>` are no words and are never shown. One keyboard serves one thread.
"""

import argparse
import sys
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from gboard_sim.errors import ArtefactError
from gboard_sim.keyboard.artefact import Artefact, read_artefact
from gboard_sim.keyboard.compose import MOST, continuations, surest
from gboard_sim.keyboard.line import Line, Reading
from gboard_sim.keyboard.phrases import Phrases
from gboard_sim.keyboard.ranking import SpeltWords, WholeWords
from gboard_sim.keyboard.words import strip, tokens, words

AFTER_ALL = "\U0010ffff"  # sorts after whatever follows a prefix


class Keyboard:
    """A model, its tokenizer, and the words that it may show.

    Args:
        artefact: What runs.
        blocklist: Words that are never shown.
    """

    def __init__(self, artefact: Artefact, blocklist: Iterable[str] = ()) -> None:
        self._phrases = Phrases()
        self._blocked = blocked = {strip(token) for entry in blocklist for token in tokens(entry)}
        listed = enumerate(artefact.words)
        shown = sorted((word, place) for place, word in listed if word not in blocked)
        places = np.array([place for _, place in shown], np.int64)
        self._words = artefact.words
        self._sorted = [word for word, _ in shown]
        self._places = places
        self._encode = lru_cache(1 << 14)(artefact.pieces.encode)
        self._line = Line(artefact)
        self._ranking = (
            WholeWords(places) if artefact.whole else SpeltWords(places, artefact, self._line)
        )

    @classmethod
    def load(cls, folder: Path | str, blocklist: Iterable[str] = ()) -> "Keyboard":
        """A keyboard from the folder that `gboard-sim export` wrote.

        Args:
            folder: It has `manifest.json` and the files named in `artefact.FILES`.
            blocklist: Words that are never shown.

        Raises:
            ArtefactError: A file is missing, damaged, or not the one that the manifest names.
        """
        return cls(read_artefact(Path(folder)), blocklist)

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
        if typed:
            return []
        own = [
            each
            for each in self._phrases.continuations(before)
            if each.probability >= confidence
            and len(each.words) <= most
            and self._blocked.isdisjoint(each.words)
        ]
        found = surest(continuations(self.following, before, confidence, most), own)
        return list(found[-1].words) if found else []

    def remember(self, text: str) -> None:
        """Keep what has been typed, a message a line, so that `compose` offers its phrases again.

        Only this object has it: whoever wants to keep it longer keeps the text.
        """
        for line in text.split("\n"):
            self._phrases.remember(words(line))

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
        reading = self._after(before)
        first, end = self._beginning_with(typed)
        if k < 1 or first == end:
            return []
        best = self._ranking.best(reading, first, end, k)
        return [(self._words[place], score) for place, score in best]

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
        reading = self._after(before)
        places = [int(self._places[bisect_left(self._sorted, word)]) for word in words]
        return [self._ranking.score(reading, place) for place in places]

    def _after(self, before: Sequence[str]) -> Reading:
        """What the model expects after some words."""
        return self._line.after([token for word in before for token in self._encode(word)])

    def _split(self, text: str) -> tuple[list[str], str]:
        """The words of the last line, and the letters of the one that is still being typed."""
        line = text.rpartition("\n")[2]
        parts = tokens(line)
        typed = ""
        if parts and tokens(line[-1]):  # the text does not end in a space
            # A letter behind it keeps what `strip` would take from its end: don' may become don't.
            typed = strip(parts[-1] + "a")[:-1]
            first, end = self._beginning_with(typed)
            if strip(parts[-1]) != typed and first == end:
                typed = ""  # punctuation has ended the word
            else:
                parts.pop()
        return [word for part in parts if (word := strip(part))], typed

    def _beginning_with(self, typed: str) -> tuple[int, int]:
        """The span, in alphabetical order, of the words that begin so and are longer."""
        first, end = bisect_left(self._sorted, typed), len(self._sorted)
        if typed:
            end = bisect_left(self._sorted, typed + AFTER_ALL)
            first += first < end and self._sorted[first] == typed
        return first, end


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
