"""The best words by what the model expects: where a token is a word, and where it is a piece.

Words are named by their places in the list; those that may be shown stand in alphabetical order,
so that the words with a beginning are a span of them.
"""

from functools import lru_cache
from heapq import heappop, heappush

import numpy as np
import numpy.typing as npt

from gboard_sim.keyboard.artefact import SPACE, SPECIAL, Artefact
from gboard_sim.keyboard.line import Line, Reading

MOST_OPENED = 500  # pieces read in search of a word (assumed): bounds what one key can cost

Places = npt.NDArray[np.int64]  # of words in the list
Spelling = tuple[int, ...]


class WholeWords:
    """Every token is a word: `words[i]` is token `SPECIAL + i`.

    Args:
        shown: The words that may be shown, in alphabetical order.
    """

    def __init__(self, shown: Places) -> None:
        self._shown = shown

    def score(self, reading: Reading, place: int) -> float:
        """Natural log-probability of a word."""
        return float(reading.log_probabilities[place + SPECIAL])

    def best(self, reading: Reading, first: int, end: int, k: int) -> list[tuple[int, float]]:
        """The most probable of a span of words, and their log-probabilities."""
        places = self._shown[first:end]
        scores = reading.log_probabilities[places + SPECIAL]
        top = np.argpartition(-scores, min(k, len(scores)) - 1)[:k]
        top = top[np.lexsort((places[top], -scores[top]))]
        return [(int(places[i]), float(scores[i])) for i in top]


class SpeltWords:
    """A word is several pieces.

    Its score is that of its pieces and of a piece that begins a word after them, divided by the
    chance that a word begins here.

    Args:
        shown: The words that may be shown, in alphabetical order.
        artefact: It has their pieces.
        line: It runs the model.
    """

    def __init__(self, shown: Places, artefact: Artefact, line: Line) -> None:
        self._shown = shown
        self._line = line
        self._spellings = list(map(tuple, artefact.pieces.encode(artefact.words)))
        self._begins_word = np.array([piece.startswith(SPACE) for piece in artefact.spelt])
        self._tree = lru_cache(1 << 6)(self._grown)

    def score(self, reading: Reading, place: int) -> float:
        """Natural log-probability of a word."""
        score, here = -self._boundary(reading), reading
        for piece in self._spellings[place]:
            score += float(here.log_probabilities[piece])
            here = self._line.read(piece, here.out, here.state)
        return score + self._boundary(here)

    def best(self, reading: Reading, first: int, end: int, k: int) -> list[tuple[int, float]]:
        """The most probable of a span of words, by best-first search of their tree.

        What is left unopened can only score less.
        """
        tree = self._tree(first, end)
        found: list[tuple[float, int]] = []
        heap: list[tuple[float, Spelling, Reading]] = [(0.0, (), reading)]
        for _ in range(MOST_OPENED):
            if not heap or (len(found) >= k and sorted(found)[k - 1][0] <= heap[0][0]):
                break
            cost, spelling, parent = heappop(heap)
            here = self._line.read(spelling[-1], parent.out, parent.state) if spelling else parent
            ended, below = tree[spelling]
            if ended is not None:
                found.append((cost - self._boundary(here), ended))
            costs = cost - here.log_probabilities[below]
            for piece, more in zip(below, costs.tolist(), strict=True):
                heappush(heap, (more, (*spelling, piece), here))
        begins = self._boundary(reading)
        return [(place, -cost - begins) for cost, place in sorted(found)[:k]]

    def _grown(self, first: int, end: int) -> dict[Spelling, tuple[int | None, list[int]]]:
        """The tree of a span of words: each node's word, if any, and what may follow it."""
        ends: dict[Spelling, int] = {}
        below: dict[Spelling, dict[int, None]] = {}
        for place in self._shown[first:end].tolist():
            spelling = self._spellings[place]
            ends.setdefault(spelling, place)
            for at, piece in enumerate(spelling):
                below.setdefault(spelling[:at], {})[piece] = None
            below.setdefault(spelling, {})
        return {node: (ends.get(node), list(pieces)) for node, pieces in below.items()}

    def _boundary(self, reading: Reading) -> float:
        """Log-probability that the next piece begins a word."""
        return float(np.log(np.exp(reading.log_probabilities[self._begins_word]).sum()))
