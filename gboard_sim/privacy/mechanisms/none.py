"""No mechanism: the update leaves the phone as it was computed, and nothing is claimed."""

from dataclasses import dataclass
from typing import ClassVar

from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.records import Vector


@dataclass(frozen=True, slots=True)
class NoMechanism:
    """Neither clip nor noise.

    Attributes:
        name: Its name in experiment files.
    """

    name: ClassVar[str] = "none"

    def privatize(self, update: Vector, phone: int, nth: int) -> Vector:
        """The update itself."""
        return update

    def event(self, version: int, releases: int) -> PrivacyEvent | None:
        """None: nothing is claimed."""
        return None
