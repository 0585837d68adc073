"""The words that a piece model would show: its exact three best of the public word list.

A word is scored by its canonical pieces and the boundary after them:

    log P(word | context) = sum_i log p(piece_i | context, pieces before)
                            + log B(context, all pieces) - log B(context)

where B is the probability that the next piece begins a word: the sum of p over the pieces that
start with the mark of a space. Without the last factor `the` would also collect `there`; the first
divisor says that a word begins here, which is known. A model has no end of sentence and is never
trained on what follows a message's last piece, so B there is what it learned of words inside
messages, and the score of a word does not depend on whether the message ends with it. Over all
ways to spell a word to its boundary the scores sum to at most one.

The search is best first over the tree of the words' pieces (branch and bound): a node's bound, the
log-probability of its pieces so far, can only fall, so nothing below the third best word found is
ever asked of the model, and the result equals a full enumeration. Equal scores go to the word that
stands earlier in the list.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim import ranges
from gboard_sim.keyboard.tokenizer import PieceTable, Tokenizer
from gboard_sim.seam.records import Flags, Floats, Ints

NextLogprobs = Callable[[Ints, Sequence[tuple[int, ...]]], npt.NDArray[np.floating]]
"""Log-probabilities of every piece after a context and some pieces of a word.

Called with context numbers (shape [B]) and as many tuples of pieces; returns shape [B, V].
"""

_WIDTH = 8  # nodes opened per context and call (assumed): more calls saved, more opened in vain


@dataclass(frozen=True, slots=True)
class PieceTree:
    """The canonical pieces of a word list as a tree; node 0 is the root.

    Attributes:
        pieces: The pieces from the root to each node.
        first: Node `n` has children `first[n]:first[n + 1]` of `child`. Shape [nodes + 1].
        child: Nodes. Shape [nodes - 1].
        last: The last piece on the way to each node; -1 for the root. Shape [nodes].
        word: The word that ends at each node, as a place in the list; -1 for none. Shape [nodes].
        begins_word: See `Tokenizer`. Shape [V].
    """

    pieces: tuple[tuple[int, ...], ...]
    first: Ints
    child: Ints
    last: Ints
    word: Ints
    begins_word: Flags


@dataclass(frozen=True, slots=True)
class Ranked:
    """The best words at each context, best first.

    Attributes:
        words: Places in the word list, -1 where no more words of the list
            have any probability. Shape [contexts, k].
        logprob: Their scores, -inf beside a -1. Shape [contexts, k].
    """

    words: Ints
    logprob: Floats


def grow(tokenizer: Tokenizer, words: Sequence[str]) -> PieceTree:
    """The tree of a word list, whose words have no unknown pieces (see `train_vocabulary`)."""
    return _grow(tokenizer.table(words), tokenizer.begins_word)


def _grow(table: PieceTable, begins_word: Flags) -> PieceTree:
    """The tree of words that are encoded already."""
    numbers: dict[tuple[int, ...], int] = {(): 0}
    ends: dict[int, int] = {}
    for number in range(len(table.offsets) - 1):
        word = tuple(table.pieces[table.offsets[number] : table.offsets[number + 1]].tolist())
        for length in range(1, len(word) + 1):
            numbers.setdefault(word[:length], len(numbers))
        ends.setdefault(numbers[word], number)
    nodes = tuple(numbers)
    parent = np.array([-1] + [numbers[node[:-1]] for node in nodes[1:]])
    child = np.argsort(parent, kind="stable")[1:]
    word_at = np.full(len(nodes), -1)
    word_at[list(ends)] = list(ends.values())
    return PieceTree(
        pieces=nodes,
        first=np.searchsorted(parent[child], np.arange(len(nodes) + 1)).astype(np.int64),
        child=child,
        last=np.array([-1] + [node[-1] for node in nodes[1:]]),
        word=word_at,
        begins_word=begins_word,
    )


def rank(tree: PieceTree, contexts: int, next_logprobs: NextLogprobs, k: int = 3) -> Ranked:
    """The k most probable words of the list at each context.

    Args:
        tree: The word list.
        contexts: Number of contexts; they are ranked together, and a few hundred at a time keep
            the candidates in memory.
        next_logprobs: The model.
        k: Words wanted.
    """
    found = Ranked(np.full((contexts, k), -1), np.full((contexts, k), -np.inf))
    # Open nodes: the context, the node, and the bound on every word below it.
    context, node, bound = np.arange(contexts), np.zeros(contexts, np.int64), np.zeros(contexts)
    begins = np.zeros(contexts)  # log B(context), known once the root is opened
    while len(context):
        chosen = _best(context, bound)
        logprobs = np.asarray(
            next_logprobs(context[chosen], [tree.pieces[n] for n in node[chosen]]), np.float64
        )
        boundary = np.logaddexp.reduce(logprobs[:, tree.begins_word], axis=1)
        if not node[chosen].any():  # the first call, and the only one, opens roots
            begins = boundary
        at, here, so_far = context[chosen], node[chosen], bound[chosen]
        worded = tree.word[here] >= 0
        _enter(found, at[worded], tree.word[here[worded]], (so_far + boundary)[worded])
        sizes = tree.first[here + 1] - tree.first[here]
        row = np.repeat(np.arange(len(chosen)), sizes)
        below = tree.child[ranges.members(tree.first[here], sizes)]
        opened = so_far[row] + logprobs[row, tree.last[below]]
        left = np.ones(len(context), np.bool_)
        left[chosen] = False
        context = np.concatenate([context[left], at[row]])
        node = np.concatenate([node[left], below])
        bound = np.concatenate([bound[left], opened])
        # A bound equal to the last word found may hide an equal word that stands earlier.
        alive = (bound >= found.logprob[context, -1]) & (bound > -np.inf)
        context, node, bound = context[alive], node[alive], bound[alive]
    known = np.where(found.words < 0, 0.0, begins[:, None])
    return Ranked(found.words, found.logprob - known)


def _best(context: Ints, bound: Floats) -> Ints:
    """The places of the nodes with the highest bounds of each context."""
    order = np.lexsort((-bound, context))
    ordered = context[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return order[place < _WIDTH]


def _enter(found: Ranked, context: Ints, word: Ints, logprob: Floats) -> None:
    """Put words among the best of their contexts."""
    k = found.words.shape[1]
    touched = np.unique(context)
    contexts = np.concatenate([np.repeat(touched, k), context])
    words = np.concatenate([found.words[touched].ravel(), word])
    scores = np.concatenate([found.logprob[touched].ravel(), logprob])
    # Empty places have -inf and come after every word; among equals the earlier word leads.
    order = np.lexsort((np.where(words < 0, np.iinfo(np.int64).max, words), -scores, contexts))
    ordered = contexts[order]
    place = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    best = order[place < k]
    found.words[touched] = words[best].reshape(-1, k)
    found.logprob[touched] = scores[best].reshape(-1, k)
