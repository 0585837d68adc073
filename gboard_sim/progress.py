"""How far a run is: what the joins tell whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass

from gboard_sim.units import DAY_S


@dataclass(frozen=True, slots=True)
class Step:
    """One look at a run.

    Attributes:
        doing: The part of the run, such as `fleet and training`.
        share: How much of it is done, by the limit that it comes nearest to, from 0 to 1.
        now_s: Simulated time.
        version: The newest version that the fleet asked for.
        recall_at_3: The last validation recall; None before the first.
    """

    doing: str
    share: float
    now_s: float = 0.0
    version: int = 0
    recall_at_3: float | None = None

    def line(self) -> str:
        """One line for a terminal."""
        recall = "" if self.recall_at_3 is None else f"  recall@3 {self.recall_at_3:.3f}"
        day = f"day {self.now_s / DAY_S:5.2f}  version {self.version:4d}"
        return f"{self.share:4.0%}  {day}{recall}  {self.doing}"


Watch = Callable[[Step], None]
"""Called often; must be quick."""
