"""DP-FTRL with tree aggregation (Kairouz et al., ICML 2021, arXiv 2103.00039), without restarts.

Every dyadic run of versions is a node with noise of its own; the noise in the sum of the first m
updates is that of the few nodes that tile them. What is added to one version is the difference of
two such sums: the node that it completes, less those inside. Nodes are drawn again where they are
taken off, so nothing is remembered. A phone adds its uses of a node, squared, over all nodes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.mechanisms.sum_noise import Normals, uses_of, versions_of
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.records import Floats, Ints

MOST_EXACT = 40
"""Uses up to which patterns are searched, in seconds; above, nodes are bounded one by one."""


@dataclass(frozen=True, slots=True)
class Tree:
    """See `SumNoise`."""

    name: ClassVar[str] = "tree"
    words: ClassVar[str] = "Gaussian noise in the nodes of a binary tree"

    def draw(
        self, state: MechanismState, step: int, normals: Normals
    ) -> tuple[MechanismState, Floats]:
        """The node that the version completes, less the nodes of the versions before in it."""
        level = _completed(step)
        noise = normals(level, step + 1 - (1 << level))
        for lower in range(level):
            noise -= normals(lower, step >> (lower + 1) << (lower + 1))
        return state, noise

    def deviation(self, step: int) -> float:
        """That of one node and those inside."""
        return float(np.sqrt(1 + _completed(step)))

    def sensitivity_squared(self, bounds: Bounds) -> float:
        """The most that a phone's uses add up to, or a little more where it has very many."""
        versions, uses, separation = versions_of(bounds), uses_of(bounds), bounds.separation
        if uses <= MOST_EXACT:
            return float(most_squared(versions, uses, separation))
        return float(at_most_squared(versions, uses, separation))


def _completed(step: int) -> int:
    """The level of the largest node that ends with a version."""
    return ((step + 1) & -(step + 1)).bit_length() - 1


@lru_cache(maxsize=256)
def most_squared(versions: int, uses: int, separation: int) -> int:
    """The largest sum over complete nodes of a phone's squared uses, by dynamic programming.

    Two patterns of one run of versions that have as many uses and the same value differ only in
    how close they come to either end, so only the best of those are kept.
    """
    run, length = _Patterns(1, {1: {1: np.array([0, -1])}}), 1
    tiles = []
    while length <= versions:
        if versions & length:
            tiles.append(run)
        run, length = run.then(run, uses, separation, node=True), 2 * length
    whole = tiles.pop()
    while tiles:
        whole = whole.then(tiles.pop(), uses, separation, node=False)
    return max(value for values in whole.reach.values() for value in values)


def at_most_squared(versions: int, uses: int, separation: int) -> int:
    """What no pattern passes: at each level all uses in nodes that are as full as one can be."""
    levels = range(versions.bit_length())
    return sum(uses * min(uses, -(-(1 << level) // separation)) for level in levels)


@dataclass(frozen=True, slots=True)
class _Patterns:
    """What phones may do in a run of versions.

    Attributes:
        versions: Its length.
        reach: By the number of uses, then by their value: for each position, the most versions that
            can follow the last use where the first is no earlier; -1 where there are none. Shape
            [versions + 1].
    """

    versions: int
    reach: dict[int, dict[int, Ints]]

    def then(self, after: "_Patterns", uses: int, separation: int, *, node: bool) -> "_Patterns":
        """What phones may do in this run and one after it, where `node` is over both."""
        found: dict[int, dict[int, Ints]] = {}
        length = self.versions + after.versions

        def keep(count: int, value: int, reach: Ints) -> None:
            values = found.setdefault(count, {})
            worth = value + (count * count if node else 0)
            values[worth] = np.maximum(values[worth], reach) if worth in values else reach

        nowhere = np.full(after.versions, -1, dtype=np.int64)
        for count, values in self.reach.items():
            for value, left in values.items():
                here = np.where(left >= 0, left + after.versions, -1)
                keep(count, value, np.concatenate([here, nowhere]))
        for count, values in after.reach.items():
            for value, right in values.items():
                there = np.full(self.versions, right[0])
                keep(count, value, np.concatenate([there, right]))
        for before, lefts in self.reach.items():
            for count, rights in after.reach.items():
                if before + count > uses:
                    continue
                for value, left in lefts.items():
                    first = np.clip(separation - 1 - left, 0, after.versions)
                    for more, right in rights.items():
                        both = np.where(left >= 0, right[first], -1)
                        if both[0] >= 0:
                            keep(before + count, value + more, np.concatenate([both, nowhere]))
        return _Patterns(length, {count: _best(values) for count, values in found.items()})


def _best(values: dict[int, Ints]) -> dict[int, Ints]:
    """Without what a pattern of higher value can do as well."""
    kept: dict[int, Ints] = {}
    reached = np.full(len(next(iter(values.values()))), -1, dtype=np.int64)
    for value in sorted(values, reverse=True):
        if (values[value] > reached).any():
            kept[value] = values[value]
            reached = np.maximum(reached, values[value])
    return kept
