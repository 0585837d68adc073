"""What schedules have in common that upload in every window and differ in how much is trained."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.seam.records import Flags, Ints, LocalWork

MOST = 10_000
"""Largest H that a growing rule asks for where no cap is given: a rule that grows without end would
otherwise ask for more steps than a night has time for (assumed)."""

_ROUNDING = 1e-9
"""Of a value: more than a few operations in float64 lose, less than one step in any H used here."""


@dataclass(frozen=True, slots=True)
class EveryWindow(ABC):
    """Every window ends in an upload, and what was not accepted is lost.

    Attributes:
        work: How much each class of phone trains where the schedule changes nothing.
        keeps_unsent: A phone that was turned away, late or interrupted keeps nothing.
        max_age: Nothing is kept, so nothing ages.
        rests: No window goes by without training.
        rebases: Every cycle is one window, so that there is nothing to carry on.
    """

    keeps_unsent: ClassVar[bool] = False
    max_age: ClassVar[int | None] = None
    rests: ClassVar[bool] = False
    rebases: ClassVar[bool] = False

    work: LocalPlan

    def uploads(self, stints: Ints) -> Flags:
        """True for every phone. Shape [n]."""
        return np.ones(stints.shape, dtype=np.bool_)

    @abstractmethod
    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""


def amount(work: LocalWork) -> int:
    """The class's own H: its steps, or its epochs."""
    own = work.steps or work.epochs
    assert own is not None
    return own


def changed(work: LocalWork, to: int) -> LocalWork:
    """The work with another H of the same kind."""
    return replace(work, epochs=to) if work.steps is None else replace(work, steps=to)


def scaled(
    works: tuple[LocalWork, ...], rule: Callable[[int], int], *, most: int | None
) -> tuple[LocalWork, ...]:
    """The work of every class with H made of its own by a rule, at least 1.

    Args:
        works: The work of each class.
        rule: Takes a class's own H and gives another.
        most: Largest H; None is `MOST`, or a class's own where that is more.
    """
    own = [amount(work) for work in works]
    caps = [max(MOST, h) if most is None else most for h in own]
    asked = [max(1, min(rule(h), cap)) for h, cap in zip(own, caps, strict=True)]
    return tuple(changed(work, h) for work, h in zip(works, asked, strict=True))


def floor(value: float) -> int:
    """The whole number below; what floating point took from a whole one is put back."""
    return math.floor(value * (1.0 + _ROUNDING))


def ceil(value: float) -> int:
    """The whole number above; what floating point added to a whole one is taken off."""
    return math.ceil(value * (1.0 - _ROUNDING))
