"""What a model answers while the best words after some contexts are searched, piece by piece."""

from collections.abc import Sequence

import numpy as np

from gboard_sim import ranges
from gboard_sim.learning.evaluation.piece_version import Version
from gboard_sim.learning.evaluation.word_scorer import SHOWN
from gboard_sim.learning.trainers.trainer import Carry
from gboard_sim.seam.records import Floats, Ints

BLOCK = 256  # contexts ranked together (assumed): their candidates stay in the cache
_TRIED = 8  # words tried to learn what the third best is worth (assumed; see `Search`)
_FLAT = 100  # open pieces that make bounding the boundary cheaper than opening them (assumed)
_ROUNDING = 1e-4  # nats, far above float32's error in a score: what is this close is not left out


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
        for start in range(0, len(nodes), BLOCK):
            node, context = nodes[start : start + BLOCK], contexts[start : start + BLOCK]
            before = self._reached.at(self._place[context, spellings.parent[node]])
            carry = self._version.model.advance(before, tree.last[node])
            self._keep(context, node, carry)
            reading = self._version.read(carry)
            row = np.repeat(np.arange(len(node)), spellings.fanout[node])
            below = tree.child[ranges.members(tree.first[node], spellings.fanout[node])]
            answer = self._answer[start : start + BLOCK]
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
            most = self._version.bound_after_any_first(self._contexts.at(flat))
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
        after = self._version.model.advance(self._contexts.at(row), pieces.ravel())
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
