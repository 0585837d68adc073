"""What a model says at every word of some messages, when words are spelt in pieces.

A word's context is the state at its first piece, where packing puts it: a message is cut every
`lane` pieces, and each segment starts anew from `<s>`. From its context on a word is never cut,
whether it was typed or might be shown, so that the two have one score, that of `word_ranking`.
"""

import numpy as np
import numpy.typing as npt

from gboard_sim import ranges
from gboard_sim.keyboard.tokenizer import BEGIN, Tokenizer
from gboard_sim.learning.evaluation.piece_search import BLOCK, Search
from gboard_sim.learning.evaluation.piece_version import Reading, Version
from gboard_sim.learning.evaluation.spellings import Spellings
from gboard_sim.learning.evaluation.word_ranking import grow, rank
from gboard_sim.learning.evaluation.word_scorer import SHOWN, Scored
from gboard_sim.learning.model.numpy_model import NumpyModel
from gboard_sim.learning.model.spec import ModelSpec
from gboard_sim.learning.text.store import TextRows
from gboard_sim.learning.text.vocabulary import Vocabulary
from gboard_sim.learning.trainers.trainer import Carry, empty_carry
from gboard_sim.seam.records import Floats, Ints, Vector


class PieceWordScorer:
    """Scores messages under a `unigram` or `bpe` tokenizer: a token is a piece of a word.

    Args:
        spec: The model's sizes.
        vocabulary: The tokenizer and the public word list.
        word_ids: Lexicon id of each word in the list. Shape [listed words].
    """

    def __init__(
        self, spec: ModelSpec, vocabulary: Vocabulary, word_ids: npt.NDArray[np.int32]
    ) -> None:
        tokenizer = Tokenizer(vocabulary.model)
        self._spec = spec
        self._size = tokenizer.size
        self._word_ids = np.append(word_ids, np.int32(-1))  # place -1 is no word
        self._spellings = Spellings(grow(tokenizer, vocabulary.words))

    def score(self, rows: TextRows, chosen: Ints, parameters: Vector) -> Scored:
        """See `WordScorer.score`."""
        version = Version(NumpyModel(self._spec, self._size, parameters), self._spellings)
        counts = np.diff(rows.word_offsets)[chosen]
        words = ranges.members(rows.word_offsets[chosen], counts)
        contexts = _contexts(version.model, self._spec, rows, chosen, words)
        begins, sizes = rows.word_begins[words], np.diff(rows.word_begins)[words]
        logprob = np.empty(len(words), np.float32)
        shown = np.empty((len(words), SHOWN), np.int32)
        for start in range(0, len(words), BLOCK):
            block = slice(start, start + BLOCK)
            carry = contexts.at(block)
            search = Search(version, carry)
            pieces = rows.tokens[ranges.members(begins[block], sizes[block])]
            logprob[block] = _typed(version, carry, search.root, pieces, sizes[block])
            ranked = rank(self._spellings.labelled, len(sizes[block]), search, SHOWN)
            shown[block] = self._word_ids[ranked.words]
        return Scored(logprob=logprob, shown=shown, answer=shown[:, 0].copy())


def _typed(
    version: Version,
    carry: Carry,
    root: Reading,
    pieces: npt.NDArray[np.int32],
    sizes: Ints,
) -> Floats:
    """The scores of the words that were typed, whether or not they are in the list.

    Args:
        version: The model and the spellings.
        carry: The state before each word.
        root: What the model says there.
        pieces: The words' pieces, one word after another.
        sizes: Pieces of each word, at least one. Shape [words].
    """
    order = np.argsort(-sizes, kind="stable")
    first = (np.cumsum(sizes) - sizes)[order]
    total = -root.boundary
    carry, reading, place = carry.at(order), root, order
    for nth in range(int(sizes.max(initial=0))):
        going = int((sizes > nth).sum())
        piece = pieces[first[:going] + nth]
        total[order[:going]] += reading.logprob(place[:going], piece)
        carry = version.model.advance(carry.at(slice(going)), piece)
        reading, place = version.read(carry), np.arange(going)
        ends = np.flatnonzero(sizes[order[:going]] == nth + 1)
        total[order[ends]] += reading.boundary[ends]
    return total


def _contexts(
    model: NumpyModel, spec: ModelSpec, rows: TextRows, chosen: Ints, words: Ints
) -> Carry:
    """The state before each word of some rows, which are cut as `packing.pack` cuts them.

    Args:
        model: The model.
        spec: Its sizes.
        rows: The text.
        chosen: The rows.
        words: The numbers of their words, row by row.
    """
    starts, lengths = rows.offsets[chosen], np.diff(rows.offsets)[chosen]
    segments = -(-lengths // spec.lane)
    segment_start = np.repeat(starts, segments) + spec.lane * ranges.places(segments)
    segment_end = np.minimum(segment_start + spec.lane, np.repeat(starts + lengths, segments))
    sizes = segment_end - segment_start
    order = np.argsort(-sizes, kind="stable")
    # Segments lie one after another in the rows' order, and so do the words.
    word_row = np.repeat(np.arange(len(chosen)), np.diff(rows.word_offsets)[chosen])
    at = rows.word_begins[words] - starts[word_row]
    segment = (np.cumsum(segments) - segments)[word_row] + at // spec.lane
    rank_of = np.empty(len(order), np.int64)
    rank_of[order] = np.arange(len(order))
    found = empty_carry(spec, len(words))
    carry = empty_carry(spec, len(order))
    for nth in range(int(sizes.max(initial=0))):
        going = order[: int((sizes > nth).sum())]
        tokens = rows.tokens[segment_start[going] + nth - 1] if nth else np.full(len(going), BEGIN)
        carry = model.advance(carry.at(slice(len(going))), tokens)
        here = np.flatnonzero(at % spec.lane == nth)
        found.out[here] = carry.out[rank_of[segment[here]]]
        found.state[here] = carry.state[rank_of[segment[here]]]
    return found
