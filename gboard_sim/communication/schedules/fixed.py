"""The plainest schedule: every window ends in an upload (McMahan et al., AISTATS 2017)."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.records import Flags, Ints, LocalWork


@dataclass(frozen=True, slots=True)
class Fixed:
    """Train and upload in every window; what was not accepted is lost.

    Attributes:
        work: How much each class of phone trains.
        name: Its name in experiment files.
        keeps_unsent: A phone that was turned away, late or interrupted keeps nothing.
        max_age: Nothing is kept, so nothing ages.
    """

    name: ClassVar[str] = "fixed"
    keeps_unsent: ClassVar[bool] = False
    max_age: ClassVar[int | None] = None

    work: LocalPlan

    def uploads(self, stints: Ints) -> Flags:
        """True for every phone. Shape [n]."""
        return np.ones(stints.shape, dtype=np.bool_)

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        return self.work.at(version)
