"""Lazy uploads with an age bound: a phone sends once its update is long, or old.

It is this project's own: rules of this kind are called lazy in several papers, and none of them is
known to be the first. The norm alone is `norm_triggered`'s with a constant learning rate.
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np

from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.records import Flags, Floats, Ints, LocalWork


@dataclass(frozen=True, slots=True)
class Lazy:
    """In every window a phone checks in, trains, and sends if ||u|| >= `norm` or its age >= `age`.

    The update u is its weights minus those that its cycle started from, and its age the number of
    versions made since. A phone that stays silent keeps its training and trains on from its own
    weights in the next window. What was sent and not accepted is sent again, not judged again. A
    learner that knows no norm (a fleet alone) has every phone send.

    Attributes:
        work: How much each class of phone trains in one window.
        norm: Norm from which on a phone sends.
        age: Versions from which on it sends in any case.
        max_age: Versions after which a phone that was silent, turned away, late or interrupted
            starts over; None is never.
        looks_at: What a phone measures before it sends.
        name: Its name in experiment files.
        keeps_unsent: A phone that was turned away, late or interrupted keeps its training.
        rests: No window goes by without training.
        rebases: A cycle stays at the version that it started from.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "lazy"
    looks_at: ClassVar[str] = "norm"
    keeps_unsent: ClassVar[bool] = True
    rests: ClassVar[bool] = False
    rebases: ClassVar[bool] = False

    work: LocalPlan
    norm: float = 1.0
    age: int = 10
    max_age: int | None = None

    def __post_init__(self) -> None:
        if not (self.norm > 0.0 and isfinite(self.norm)):
            raise ValueError(f"norm(={self.norm}) must be a finite number above 0")
        if self.age < 1:
            raise ValueError(f"age(={self.age}) must be at least 1 version")
        if self.max_age is not None and self.max_age < self.age:
            raise ValueError(
                f"max_age(={self.max_age}) must be at least age(={self.age}): a silent phone would "
                "start over before it may send"
            )

    def uploads(self, stints: Ints) -> Flags:
        """True for every phone: each window may end in an upload. Shape [n]."""
        return np.ones(stints.shape, dtype=np.bool_)

    def sends(self, version: int, base: Ints, stints: Ints, found: Floats) -> Flags:
        """Which of some phones send: see `protocols.Triggered`. Shape [n]."""
        chosen: Flags = (found >= self.norm) | (version - base >= self.age)
        return chosen

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        return self.work.at(version)
