"""What a model says at every word of some messages, when words are spelt in pieces.

A word's context is the state at its first piece, where packing puts it: a message is cut every
`lane` pieces, and each segment starts anew from `<s>`. From its context on a word is never cut,
whether it was typed or might be shown, so that the two have one score, that of `word_ranking`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gboard_sim.keyboard.tokenizer import BEGIN, Tokenizer
from gboard_sim.learning.evaluation.flat_bound import FlatBound
from gboard_sim.learning.evaluation.token_spread import TokenSpread
from gboard_sim.learning.evaluation.word_ranking import PieceTree, grow, rank
from gboard_sim.learning.evaluation.word_scorer import SHOWN, Scored
from gboard_sim.learning.model.numpy_model import Activations, NumpyModel
from gboard_sim.learning.model.spec import ModelSpec
from gboard_sim.learning.text.store import TextRows
from gboard_sim.learning.text.vocabulary import Vocabulary
from gboard_sim.learning.trainers.trainer import Carry, empty_carry
from gboard_sim.records import Floats, Ints, Vector

_BLOCK = 256  # contexts ranked together (assumed): their candidates stay in the cache
_TRIED = 8  # words tried to learn what the third best is worth (assumed; see `Search`)
_TOGETHER = 1024  # first pieces stepped over together (assumed): they stay in the cache
_FLAT = 100  # open pieces that make bounding the boundary cheaper than opening them (assumed)
_ROUNDING = 1e-4  # nats, far above float32's error in a score: what is this close is not left out
_LEAST = np.finfo(np.float32).tiny  # a smaller boundary counts as this much, not as log 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model says after some states.

    Attributes:
        logits: Of every piece. Shape [B, V].
        log_total: What to take off the logits to get log-probabilities. Shape [B].
        boundary: Log-probability that the next piece begins a word. Shape [B].
    """

    logits: Activations
    log_total: Floats
    boundary: Floats

    def logprob(self, row: Ints, piece: npt.NDArray[np.integer]) -> Floats:
        """Log-probabilities of some pieces after some of the states."""
        found: Floats = self.logits[row, piece] - self.log_total[row]
        return found


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
        words = _runs(rows.word_offsets[chosen], counts)
        contexts = _contexts(version.model, self._spec, rows, chosen, words)
        begins, sizes = rows.word_begins[words], np.diff(rows.word_begins)[words]
        logprob = np.empty(len(words), np.float32)
        shown = np.empty((len(words), SHOWN), np.int32)
        for start in range(0, len(words), _BLOCK):
            block = slice(start, start + _BLOCK)
            carry = _at(contexts, block)
            search = Search(version, carry)
            pieces = rows.tokens[_runs(begins[block], sizes[block])]
            logprob[block] = _typed(version, carry, search.root, pieces, sizes[block])
            ranked = rank(self._spellings.labelled, len(sizes[block]), search, SHOWN)
            shown[block] = self._word_ids[ranked.words]
        return Scored(logprob=logprob, shown=shown, answer=shown[:, 0].copy())


class Spellings:
    """The tree of the public words' pieces, with what the search needs beside it.

    The search is given the tree under other labels: column 0 stands for all pieces that begin a
    word, column `1 + i` for the `i`-th child of whichever node is asked about. So an answer holds
    a node's few children and not the vocabulary.

    Attributes:
        tree: The tree.
        labelled: The tree as the search sees it.
        number: The node of each spelling.
        parent: The node above each node; -1 for the root. Shape [nodes].
        fanout: Children of each node. Shape [nodes].
        firsts: The children of the root.
        first_pieces: Their pieces.
        whole: Places in `firsts` that are words already.
    """

    def __init__(self, tree: PieceTree) -> None:
        self.tree = tree
        self.number = {pieces: node for node, pieces in enumerate(tree.pieces)}
        self.fanout = np.diff(tree.first)
        self.parent = np.full(len(tree.pieces), -1)
        self.parent[tree.child] = np.repeat(np.arange(len(tree.pieces)), self.fanout)
        label = np.zeros(len(tree.pieces), np.int64)
        label[tree.child] = 1 + _runs(np.zeros(len(tree.pieces), np.int64), self.fanout)
        boundary = np.zeros(1 + self.fanout.max(), np.bool_)
        boundary[0] = True
        self.labelled = replace(tree, last=label, begins_word=boundary)
        self.firsts = tree.child[tree.first[0] : tree.first[1]]
        self.first_pieces = tree.last[self.firsts]
        self.whole = np.flatnonzero(tree.word[self.firsts] >= 0)


class Version:
    """One version of the model with the spellings: what all searches under it share."""

    def __init__(self, model: NumpyModel, spellings: Spellings) -> None:
        self.model = model
        self.spellings = spellings
        self._begins = spellings.tree.begins_word.astype(np.float32)
        self._bound = FlatBound(model, spellings.tree.begins_word)
        self._first_reads: Activations | None = None
        self._spread: TokenSpread | None = None

    def read(self, carry: Carry) -> Reading:
        """What the model says after some states."""
        logits = self.model.logits(carry)
        logits -= logits.max(axis=1, keepdims=True)
        mass = np.exp(logits)
        total = mass.sum(axis=1)
        boundary = np.maximum(mass @ self._begins / total, _LEAST)
        return Reading(logits, np.log(total, dtype=np.float64), np.log(boundary, dtype=np.float64))

    def bound_after_any_first(self, carry: Carry) -> Floats:
        """A loose bound on what can follow each first piece: one step a state. [B, firsts]."""
        if self._spread is None:
            self._spread = TokenSpread(self.model, self._reads())
        return self._bound.around(*self._spread.after(carry))

    def bound_after_first(self, carry: Carry, state: Ints, first: Ints) -> Floats:
        """A close bound on what follows some first pieces, each after one of the states: a step.

        Args:
            carry: The states.
            state: Which of them. Shape [n].
            first: The piece, as a place in `Spellings.firsts`. Shape [n].
        """
        bound = np.empty(len(first))
        for start in range(0, len(first), _TOGETHER):
            part = slice(start, start + _TOGETHER)
            after = self.model.step(_at(carry, state[part]), self._reads()[first[part]])
            bound[part] = self._bound.after(self.model.features(after))
        return bound

    def _reads(self) -> Activations:
        """What the first pieces bring to the gates."""
        if self._first_reads is None:
            self._first_reads = self.model.read(self.spellings.first_pieces)
        return self._first_reads


class Search:
    """Answers one search's questions; the states it has come to are kept until the search ends.

    Args:
        version: The model and the spellings.
        carry: The states at the contexts that are searched together.

    Attributes:
        root: What the model says at the contexts.
    """

    def __init__(self, version: Version, carry: Carry) -> None:
        self._version = version
        self._contexts = carry
        self._reached = carry
        spellings = version.spellings
        # Where the state after a node is in `_reached`; written before it is read.
        self._place = np.empty((len(carry.out), len(spellings.parent)), np.int32)
        self._place[:, 0] = np.arange(len(carry.out))
        self._answer = np.empty((0, 0))
        self.root = version.read(carry)

    def __call__(self, contexts: Ints, prefixes: Sequence[tuple[int, ...]]) -> Floats:
        """See `word_ranking.NextLogprobs`; the columns are those of `Spellings.labelled`."""
        spellings = self._version.spellings
        if len(self._answer) < len(contexts):  # the search keeps no answer, so one array serves
            self._answer = np.empty((len(contexts), len(spellings.labelled.begins_word)))
        if not prefixes[0]:  # the first call, and only that, asks about roots: of all contexts
            self._answer[:, 0] = self.root.boundary
            self._answer[:, 1 : 1 + len(spellings.firsts)] = self._hopeful()
            return self._answer
        tree = spellings.tree
        nodes = np.array([spellings.number[prefix] for prefix in prefixes])
        for start in range(0, len(nodes), _BLOCK):
            node, context = nodes[start : start + _BLOCK], contexts[start : start + _BLOCK]
            before = _at(self._reached, self._place[context, spellings.parent[node]])
            carry = self._version.model.advance(before, tree.last[node])
            self._keep(context, node, carry)
            reading = self._version.read(carry)
            row = np.repeat(np.arange(len(node)), spellings.fanout[node])
            below = tree.child[_runs(tree.first[node], spellings.fanout[node])]
            answer = self._answer[start : start + _BLOCK]
            answer[: len(node), 0] = reading.boundary
            answer[row, spellings.labelled.last[below]] = reading.logprob(row, tree.last[below])
        return self._answer[: len(contexts)]

    def _hopeful(self) -> Floats:
        """Log-probabilities of the first pieces, -inf where none of the best words can begin.

        The third best of a few words tried is the least that the third best of all can be worth.
        A first piece less probable than that is out. Where the model is so flat that many are
        left, what follows each is bounded too, loosely for all and then closely for the rest.
        """
        spellings = self._version.spellings
        every = np.arange(len(self._contexts.out))
        logprob = self.root.logprob(every[:, None], spellings.first_pieces)
        if len(spellings.whole) < SHOWN:
            return logprob
        least = self._third_best_tried(logprob) - _ROUNDING
        out = logprob < least[:, None]
        flat = np.flatnonzero((~out).sum(axis=1) > _FLAT)
        if len(flat):
            most = self._version.bound_after_any_first(_at(self._contexts, flat))
            out[flat] |= logprob[flat] + most < least[flat, None]
            context, first = np.nonzero(~out[flat])
            context = flat[context]
            most = self._version.bound_after_first(self._contexts, context, first)
            out[context, first] = logprob[context, first] + most < least[context]
        logprob[out] = -np.inf
        return logprob

    def _third_best_tried(self, logprob: Floats) -> Floats:
        """The score, without the divisor, of the third best among likely one-piece words."""
        whole = self._version.spellings.whole
        tried = min(_TRIED, len(whole))
        best = np.argpartition(-logprob[:, whole], tried - 1, axis=1)[:, :tried]
        first = whole[best]
        row = np.repeat(np.arange(len(first)), tried)
        pieces = self._version.spellings.first_pieces[first]
        after = self._version.model.advance(_at(self._contexts, row), pieces.ravel())
        boundary = self._version.read(after).boundary.reshape(first.shape)
        scores = np.take_along_axis(logprob, first, axis=1) + boundary
        return np.partition(scores, -SHOWN, axis=1)[:, -SHOWN]

    def _keep(self, context: Ints, node: Ints, carry: Carry) -> None:
        """Keep the states of nodes that have children."""
        inner = np.flatnonzero(self._version.spellings.fanout[node])
        held = len(self._reached.out)
        self._place[context[inner], node[inner]] = np.arange(held, held + len(inner))
        self._reached = Carry(
            np.concatenate([self._reached.out, carry.out[inner]]),
            np.concatenate([self._reached.state, carry.state[inner]]),
        )


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
    carry, reading, place = _at(carry, order), root, order
    for nth in range(int(sizes.max(initial=0))):
        going = int((sizes > nth).sum())
        piece = pieces[first[:going] + nth]
        total[order[:going]] += reading.logprob(place[:going], piece)
        carry = version.model.advance(_at(carry, slice(going)), piece)
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
    segment_start = np.repeat(starts, segments) + spec.lane * _runs(0 * segments, segments)
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
        carry = model.advance(_at(carry, slice(len(going))), tokens)
        here = np.flatnonzero(at % spec.lane == nth)
        found.out[here] = carry.out[rank_of[segment[here]]]
        found.state[here] = carry.state[rank_of[segment[here]]]
    return found


def _at(carry: Carry, where: Ints | slice) -> Carry:
    """Some of the states."""
    return Carry(carry.out[where], carry.state[where])


def _runs(starts: Ints, counts: Ints) -> Ints:
    """The numbers from each start on, as many as its count, run after run."""
    return np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
