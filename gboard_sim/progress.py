"""How far a run is: what the joins tell whoever watches."""

from collections.abc import Callable
from dataclasses import dataclass

from gboard_sim.experiment.experiment import Run
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


class Teller:
    """Tells a watcher how far a run is, by whichever limit of the experiment is nearest.

    Args:
        limits: The table `[run]`.
        watch: Who is told; None is nobody.
    """

    def __init__(self, limits: Run, watch: Watch | None) -> None:
        self._limits = limits
        self._watch = watch
        self._recall: Callable[[], float | None] = lambda: None
        self._now_s = 0.0
        self._version = 0

    def watch_recall(self, recall: Callable[[], float | None]) -> None:
        """Where to look up the last validation recall from now on."""
        self._recall = recall

    def fleet(self, now_s: float, version: int) -> None:
        """The fleet has come to this time and version."""
        self._now_s, self._version = now_s, version
        self.tell("fleet and training")

    def tell(self, doing: str) -> None:
        """Tell what is being done now."""
        if self._watch is None:
            return
        shares = [self._now_s / (self._limits.days * DAY_S)]
        if self._limits.versions is not None:
            shares.append(self._version / self._limits.versions)
        share = min(max(shares), 1.0)
        self._watch(Step(doing, share, self._now_s, self._version, self._recall()))
