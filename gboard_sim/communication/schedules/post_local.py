"""Post-local SGD: one step between uploads at first, then H.

T. Lin, S. U. Stich, K. K. Patel, M. Jaggi, "Don't Use Large Mini-Batches, Use Local SGD" (ICLR
2020, arXiv 1808.07217): H = 1 up to the first decay of the learning rate, then H = const.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

from gboard_sim.communication.schedules.every_window import EveryWindow
from gboard_sim.seam.records import LocalWork


@dataclass(frozen=True, slots=True)
class PostLocal(EveryWindow):
    """H_v = 1 step for v < `switch`, then what `[training]` says, epochs or steps.

    The paper switches where the learning rate first falls: give `training.decay.every` for that.

    Attributes:
        switch: The first version whose phones train all of their H.
        name: Its name in experiment files.

    Raises:
        ValueError: `switch` is below 1.
    """

    name: ClassVar[str] = "post_local"

    switch: int = 100

    def __post_init__(self) -> None:
        if self.switch < 1:
            raise ValueError(f"switch(={self.switch}) must be at least 1 version")

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        works = self.work.at(version)
        if version >= self.switch:
            return works
        return tuple(replace(work, epochs=None, steps=1) for work in works)
