"""The SGD batches of one stint: which rows in which order, a pure function of phone and stint."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from gboard_sim import ranges
from gboard_sim.learning.text.packing import Batch, Ids, pack
from gboard_sim.seam.records import Ints, Stint
from gboard_sim.seeds import uniforms


@dataclass(frozen=True, slots=True)
class TokenStore:
    """Every row's tokens, one after another; usually memory-mapped.

    Attributes:
        tokens: Token ids. Shape [tokens].
        first: Row `r` owns `tokens[first[r]:first[r + 1]]`. Shape [rows + 1].
    """

    tokens: Ids
    first: Ints

    def pack(self, rows: Ints, lane: int) -> Batch:
        """The given rows as one batch."""
        lengths = self.first[rows + 1] - self.first[rows]
        return pack(self.tokens[ranges.owned(self.first, rows)], lengths, lane)


def _spoken(store: TokenStore, stint: Stint) -> Ints:
    """The rows of a stint that have a token."""
    within = np.arange(*stint.rows)
    return within[store.first[within + 1] > store.first[within]]


def stint_steps(store: TokenStore, stint: Stint) -> int:
    """How many batches `stint_batches` makes."""
    local = stint.local
    a_pass = -(-len(_spoken(store, stint)) // local.batch_size)
    if local.epochs is not None:
        return local.epochs * a_pass
    assert local.steps is not None
    return local.steps if a_pass else 0


def stint_batches(store: TokenStore, stint: Stint, seed: int, lane: int) -> Iterator[Batch]:
    """The batches that a phone trains on, in order; see `_stint_rows`.

    Args:
        store: The tokens.
        stint: Which rows, how many passes or steps, and the count that keys the shuffling.
        seed: The run's seed.
        lane: Tokens T in a lane.
    """
    for rows in _stint_rows(store, stint, seed):
        yield store.pack(rows, lane)


def stint_tokens(store: TokenStore, stint: Stint, seed: int) -> int:
    """Tokens that a stint trains on, which only its shuffling tells where it is cut off by steps.

    `Stint.tokens` is what the fleet prices: the mean over shufflings.
    """
    batches = _stint_rows(store, stint, seed)
    return sum(int((store.first[rows + 1] - store.first[rows]).sum()) for rows in batches)


def _stint_rows(store: TokenStore, stint: Stint, seed: int) -> Iterator[Ints]:
    """The rows of each batch that a phone trains on, in order.

    Every pass shuffles the rows anew; a pass ends with a smaller batch where they do not divide.
    `stint.local.epochs` passes are made, or as many as `stint.local.steps` steps need. Rows without
    a token are left out; where none has one, there is no batch.

    Args:
        store: The tokens.
        stint: Which rows, how many passes or steps, and the count that keys the shuffling.
        seed: The run's seed.
    """
    within = _spoken(store, stint)
    if not len(within):
        return
    local = stint.local
    done = 0
    for epoch in count() if local.epochs is None else range(local.epochs):
        keys = uniforms(seed, "shuffle", stint.phone, stint.nth, epoch, within)
        order = within[np.argsort(keys, kind="stable")]
        for start in range(0, len(order), local.batch_size):
            if done == local.steps:
                return
            yield order[start : start + local.batch_size]
            done += 1
