"""The public words as a tree of their pieces, labelled as the search for the best needs it."""

from dataclasses import replace

import numpy as np

from gboard_sim import ranges
from gboard_sim.learning.evaluation.word_ranking import PieceTree


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
        label[tree.child] = 1 + ranges.places(self.fanout)
        boundary = np.zeros(1 + self.fanout.max(), np.bool_)
        boundary[0] = True
        self.labelled = replace(tree, last=label, begins_word=boundary)
        self.firsts = tree.child[tree.first[0] : tree.first[1]]
        self.first_pieces = tree.last[self.firsts]
        self.whole = np.flatnonzero(tree.word[self.firsts] >= 0)
