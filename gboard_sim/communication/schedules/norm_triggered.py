"""Event-triggered uploads: a phone sends once its update has become large enough.

N. Singh, D. Data, J. George, S. Diggavi, "SPARQ-SGD: Event-Triggered and Compressed Communication
in Decentralized Stochastic Optimization" (2019, arXiv 1910.14280): at a synchronisation index t a
node sends if ||x - x_sent||^2 > c_t eta_t^2, with c_t = c_0 t^(1 - epsilon).
"""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

import numpy as np

from gboard_sim.communication.schedules.by_norm import ByNorm
from gboard_sim.seam.records import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class NormTriggered(ByNorm):
    """At server version v, ||u||^2 > threshold (v + 1)^(1 - epsilon) eta_v^2 has a phone send.

    eta_v is the phones' learning rate. With `epsilon` 1 the threshold is constant. After
    `most_windows` a phone sends whatever its update; the rest is as `ByNorm` says.

    Attributes:
        threshold: c_0; see above.
        epsilon: How the threshold grows; 1 is not at all.
        most_windows: Windows after which a phone sends in any case; None is never.
        max_age: Versions after which a phone that was silent, turned away, late or interrupted
            starts over; None is never.
        name: Its name in experiment files.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "norm_triggered"

    threshold: float = 1.0
    epsilon: float = 1.0
    most_windows: int | None = None
    max_age: int | None = None

    def __post_init__(self) -> None:
        if not (self.threshold > 0.0 and isfinite(self.threshold)):
            raise ValueError(f"threshold(={self.threshold}) must be a finite number above 0")
        if not 0.0 < self.epsilon <= 1.0:
            raise ValueError(f"epsilon(={self.epsilon}) must be above 0 and at most 1")
        if self.most_windows is not None and self.most_windows < 1:
            raise ValueError(f"most_windows(={self.most_windows}) must be at least 1 window")
        if self.max_age is not None and self.max_age < 1:
            raise ValueError(
                f"max_age(={self.max_age}) must be at least 1 version: at 0 a silent phone would "
                "lose what it keeps for later"
            )

    def sends(self, version: int, base: Ints, stints: Ints, found: Floats) -> Flags:
        """Which of some phones send: see `protocols.Triggered`. Shape [n]."""
        rate = self.work.learning_rate.at(version)
        least = self.threshold * (version + 1) ** (1.0 - self.epsilon) * rate**2
        due = stints >= (np.inf if self.most_windows is None else self.most_windows)
        chosen: Flags = (found**2 > least) | due
        return chosen
