"""A learning rate as a function of the version: constant, or falling in one of four ways."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from gboard_sim.experiment.training import LearningRateDecay

Decay = Literal["constant", "step", "exponential", "inverse_sqrt", "cosine"]


@dataclass(frozen=True, slots=True)
class LearningRate:
    """The step size in force at each version, for phones and for the server.

    With r the first rate, f the factor, n the number of versions in `every` and v the version:
    `constant` is r; `step` is r f^floor(v / n); `exponential` is r f^(v / n); `inverse_sqrt` is
    r / sqrt(1 + v / n); `cosine` falls along half a cosine from r to r f at version n and stays
    there (Loshchilov and Hutter, ICLR 2017, without restarts).

    Attributes:
        first: The rate at version 0.
        kind: How it falls.
        factor: What `step`, `exponential` and `cosine` multiply by, in (0, 1].
        every: Versions over which they do so.
        warm_up: Versions before which the rate is smaller: at version v, (v + 1) / (warm_up + 1) of
            what it would be (Goyal et al. 2017, arXiv 1706.02677, section 2.2: gradual warm-up).

    Raises:
        ValueError: An argument is outside its range; the message names both.
    """

    first: float
    kind: Decay = "constant"
    factor: float = 0.5
    every: int = 100
    warm_up: int = 0

    def __post_init__(self) -> None:
        if not (self.first > 0.0 and math.isfinite(self.first)):
            raise ValueError(f"learning_rate(={self.first}) must be a finite number above 0")
        if self.kind not in get_args(Decay):
            raise ValueError(f"kind(={self.kind!r}) must be one of {', '.join(get_args(Decay))}")
        if not 0.0 < self.factor <= 1.0:
            raise ValueError(f"factor(={self.factor}) must be above 0 and at most 1")
        if self.every < 1:
            raise ValueError(f"every(={self.every}) must be at least 1 version")
        if self.warm_up < 0:
            raise ValueError(f"warm_up(={self.warm_up}) must be at least 0 versions")

    @classmethod
    def of(cls, first: float, decay: LearningRateDecay) -> "LearningRate":
        """The rate that an experiment asks for."""
        return cls(first, decay.kind, decay.factor, decay.every, decay.warm_up)

    def at(self, version: int) -> float:
        """The rate at `version`."""
        return self.warmed_up(version) * min(1.0, (version + 1) / (self.warm_up + 1))

    def warmed_up(self, version: int) -> float:
        """The rate at `version` without the warm-up."""
        passed = version / self.every
        match self.kind:
            case "constant":
                return self.first
            case "step":
                return self.first * math.pow(self.factor, version // self.every)
            case "exponential":
                return self.first * math.pow(self.factor, passed)
            case "inverse_sqrt":
                return self.first / math.sqrt(1.0 + passed)
            case "cosine":
                height = (1.0 + math.cos(math.pi * min(passed, 1.0))) / 2.0
                return self.first * (self.factor + (1.0 - self.factor) * height)
