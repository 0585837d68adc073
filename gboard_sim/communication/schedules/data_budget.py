"""Upload in every k-th window, with k as large as a budget of megabytes needs it to be.

k = ceil(payload windows / budget), for a payload in bytes, windows in a month and a budget in bytes
a month. It is this project's own; no paper is known for it.
"""

from dataclasses import dataclass, replace
from math import isfinite
from typing import ClassVar

from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.every_window import ceil
from gboard_sim.seam.records import Flags, Ints, LocalWork
from gboard_sim.units import BYTES_PER_MB


@dataclass(frozen=True, slots=True)
class DataBudget:
    """The schedule `every_kth` with the smallest k whose payloads fit into a month's budget.

    The budget is one of payloads: bytes that are sent again after a loss, a late upload or a
    rejection come on top, as does a phone with more windows than `windows_per_month`. What may in
    no case be passed belongs into `[allowance]`, which turns phones away.

    Attributes:
        work: How much each class of phone trains in one window.
        uplink_mb_per_month: Megabytes that a phone may send in thirty days.
        windows_per_month: Windows in which a phone is eligible in thirty days (assumed: each night
            once).
        max_age: As for `every_kth`.
        payload_bytes: Size of an upload; 0 as long as nobody knows it, and then k is 1.
        name: Its name in experiment files.
        rests: No window goes by without training.
        rebases: A cycle stays at the version that it started from.

    Raises:
        ValueError: A value is out of range.
    """

    name: ClassVar[str] = "data_budget"
    rests: ClassVar[bool] = False
    rebases: ClassVar[bool] = False

    work: LocalPlan
    uplink_mb_per_month: float = 10.0
    windows_per_month: float = 30.0
    max_age: int | None = None
    payload_bytes: int = 0

    def __post_init__(self) -> None:
        for key in ("uplink_mb_per_month", "windows_per_month"):
            value = getattr(self, key)
            if not (value > 0.0 and isfinite(value)):
                raise ValueError(f"{key}(={value}) must be a finite number above 0")
        if self.max_age is not None and self.max_age < 0:
            raise ValueError(f"max_age(={self.max_age}) must be at least 0 versions")

    def sized(self, payload_bytes: int) -> "DataBudget":
        """The same with the size of an upload."""
        return replace(self, payload_bytes=payload_bytes)

    @property
    def k(self) -> int:
        """Windows in a cycle."""
        month = self.payload_bytes * self.windows_per_month
        return max(1, ceil(month / (self.uplink_mb_per_month * BYTES_PER_MB)))

    @property
    def keeps_unsent(self) -> bool:
        """Whether a phone that was turned away, late or interrupted keeps its training."""
        return self.max_age != 0

    def uploads(self, stints: Ints) -> Flags:
        """Whether the next window ends in an upload, given the stints already kept. Shape [n]."""
        return stints >= self.k - 1

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        return self.work.at(version)
