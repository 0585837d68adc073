"""CMFL: a phone sends its update if enough of its signs are those of the last global update.

L. Wang, W. Wang, B. Li, "CMFL: Mitigating Communication Overhead for Federated Learning" (ICDCS
2019): with u the update and g the last global update, of d numbers each, the relevance is
e = |{j: sign(u_j) = sign(g_j)}| / d; u is sent if e >= v_t, with v_t = v_0 / sqrt(t), and dropped
otherwise.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from gboard_sim.communication.schedules.every_window import EveryWindow
from gboard_sim.seam.records import Flags, Floats, Ints, LocalWork


@dataclass(frozen=True, slots=True)
class Cmfl(EveryWindow):
    """In every window a phone checks in, downloads, trains, and sends what agrees with the others.

    The last global update is the step that made the version b which the phone downloads: x_b minus
    x_(b - 1). A phone cannot know its signs from the model alone, so it downloads them too: one bit
    a number on top of every model. t is the server's version. Phones that started from version 0,
    before which there was no step, send in any case. A phone that stays silent drops its update and
    starts over from the newest version, as in the paper. A learner that knows no signs (a fleet
    alone) has every phone send.

    Attributes:
        agreement: v_0, the least share of signs that must agree at version 1.
        looks_at: What a phone measures before it sends.
        name: Its name in experiment files.

    Raises:
        ValueError: `agreement` is out of range.
    """

    name: ClassVar[str] = "cmfl"
    looks_at: ClassVar[str] = "sign_agreement"

    agreement: float = 0.8

    def __post_init__(self) -> None:
        if not 0.0 < self.agreement <= 1.0:
            raise ValueError(f"agreement(={self.agreement}) must be above 0 and at most 1")

    def sends(self, version: int, base: Ints, stints: Ints, found: Floats) -> Flags:
        """Which of some phones send: see `protocols.Triggered`. Shape [n]."""
        chosen: Flags = (base == 0) | (found >= self.agreement / np.sqrt(max(version, 1)))
        return chosen

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        return self.work.at(version)
