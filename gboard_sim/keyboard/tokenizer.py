"""The tokenizer that runs on the phone: words to the ids that the model reads, and back.

Every word is encoded by itself. Encoding a whole sentence would give the same pieces but for one
thing: sentencepiece melts neighbouring unknown words into one unknown piece, and a model that is
to be asked about every word must see each of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sentencepiece

from gboard_sim import ranges
from gboard_sim.errors import CorpusError

UNKNOWN = 0
"""Id of `<unk>`: a word, or a piece of one, that the vocabulary lacks. Never shown."""
BEGIN = 1
"""Id of `<s>`, before the first word of every message. Never shown and never a target."""
SPACE = "\u2581"
"""sentencepiece's mark for the space before a word: a piece begins a word where it begins so."""

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PieceTable:
    """The canonical pieces of each word of a lexicon, encoded once: rows are then a gather.

    Attributes:
        offsets: Word `w` is `pieces[offsets[w]:offsets[w + 1]]`. Shape [words + 1].
        pieces: Token ids.
    """

    offsets: Offsets
    pieces: Ids

    def encode(self, words: npt.NDArray[np.integer]) -> tuple[Ids, Offsets]:
        """The pieces of a run of words.

        Args:
            words: Lexicon ids. Shape [n].

        Returns:
            The token ids, and where each word's pieces begin: shape [n + 1], the last their count.
        """
        lengths = np.diff(self.offsets)[words]
        begins = np.concatenate([[0], np.cumsum(lengths)])
        if len(self.pieces) == len(self.offsets) - 1:  # one piece a word
            return self.pieces[words], begins
        return self.pieces[ranges.owned(self.offsets, words)], begins


class Tokenizer:
    """A trained sentencepiece model with `<unk>` at id 0, `<s>` at id 1 and no end of sentence.

    Attributes:
        model: The model file's bytes: the artefact that a phone installs.
        size: Number of ids V, the two special ones included.
        begins_word: Whether the piece can be a word's first; the special ones cannot. Shape [V].
        whole_words: Whether every piece is one whole word (the `word` kind).
    """

    __slots__ = ("_processor", "begins_word", "model", "size", "whole_words")

    def __init__(self, model: bytes) -> None:
        """Load a model.

        Args:
            model: The bytes of a sentencepiece model file.

        Raises:
            CorpusError: The bytes are no sentencepiece model, or one with other special ids.
        """
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.load_from_serialized_proto(model)
        except RuntimeError as error:
            raise CorpusError(
                f"tokenizer: {len(model)} bytes that are no sentencepiece model ({error}); hint: "
                "the file may be truncated"
            ) from None
        special = (self._processor.unk_id(), self._processor.bos_id(), self._processor.eos_id())
        if special != (UNKNOWN, BEGIN, -1):
            raise CorpusError(
                f"tokenizer: special ids (unk, bos, eos)={special}; allowed: (0, 1, -1); hint: "
                "train it with `gboard_sim.learning.text.vocabulary`"
            )
        self.model = model
        self.size: int = self._processor.get_piece_size()
        pieces = self._processor.id_to_piece(list(range(self.size)))
        self.begins_word = np.array([piece.startswith(SPACE) for piece in pieces])
        # The `word` kind has no piece inside a word, and not the bare mark of a space.
        self.whole_words = bool(self.begins_word[BEGIN + 1 :].all()) and SPACE not in pieces

    def encode(self, words: Sequence[str]) -> Ids:
        """The token ids of words that follow each other, each encoded by itself."""
        return self.table(words).pieces

    def table(self, lexicon: Sequence[str]) -> PieceTable:
        """The pieces of each word of a lexicon."""
        encoded = self._processor.encode(list(lexicon), out_type=int, num_threads=1)
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(pieces) for pieces in encoded], out=offsets[1:])
        flat = [piece for pieces in encoded for piece in pieces]
        return PieceTable(offsets, np.array(flat, np.int32))

    def piece(self, token: int) -> str:
        """The piece of a token id, without the mark of a space."""
        return str(self._processor.id_to_piece(token)).removeprefix(SPACE)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of token ids: words with spaces between, `<unk>` for what was unknown."""
        pieces = (self._processor.id_to_piece(int(t)) for t in tokens if t != BEGIN)
        joined = (f"{SPACE}{p}" if self.whole_words and p == "<unk>" else p for p in pieces)
        return "".join(joined).replace(SPACE, " ").strip()
