"""What schedules have in common whose phones send an update once it is long enough."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.seam.records import Flags, Floats, Ints, LocalWork


@dataclass(frozen=True, slots=True)
class ByNorm(ABC):
    """In every window a phone checks in, trains on, and looks at the norm of its update.

    The update u is its weights minus those that its cycle started from. A phone that stays silent
    keeps its training and trains on from its own weights in the next window, as under `every_kth`.
    What was sent and not accepted is sent again, not judged again. A learner that knows no norm (a
    fleet alone) has every phone send.

    Attributes:
        work: How much each class of phone trains in one window.
        looks_at: What a phone measures before it sends.
        keeps_unsent: A phone that was turned away, late or interrupted keeps its training.
        rests: No window goes by without training.
        rebases: A cycle stays at the version that it started from.
    """

    looks_at: ClassVar[str] = "norm"
    keeps_unsent: ClassVar[bool] = True
    rests: ClassVar[bool] = False
    rebases: ClassVar[bool] = False

    work: LocalPlan

    def uploads(self, stints: Ints) -> Flags:
        """True for every phone: each window may end in an upload. Shape [n]."""
        return np.ones(stints.shape, dtype=np.bool_)

    @abstractmethod
    def sends(self, version: int, base: Ints, stints: Ints, found: Floats) -> Flags:
        """Which of some phones send: see `protocols.Triggered`. Shape [n]."""

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        return self.work.at(version)
