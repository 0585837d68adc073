"""Lazy uploads with an age bound: a phone sends once its update is long, or old.

It is this project's own: rules of this kind are called lazy in several papers, and none of them is
known to be the first. The norm alone is `norm_triggered`'s with a constant learning rate.
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from gboard_sim.communication.schedules.by_norm import ByNorm
from gboard_sim.seam.records import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class Lazy(ByNorm):
    """A phone sends if ||u|| >= `norm` or its age >= `age`; else it keeps u, as `ByNorm` says.

    The age is the number of versions made since the one that its cycle started from.

    Attributes:
        norm: Norm from which on a phone sends.
        age: Versions from which on it sends in any case.
        max_age: Versions after which a phone that was silent, turned away, late or interrupted
            starts over; None is never.
        name: Its name in experiment files.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "lazy"

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

    def sends(self, version: int, base: Ints, stints: Ints, found: Floats) -> Flags:
        """Which of some phones send: see `protocols.Triggered`. Shape [n]."""
        chosen: Flags = (found >= self.norm) | (version - base >= self.age)
        return chosen
