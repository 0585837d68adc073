"""The plainest schedule: every window ends in an upload (McMahan et al., AISTATS 2017).

What is trained in a window is `[training]`'s: `steps = H` is local SGD with H steps, `epochs = E`
is federated averaging. FedSGD, the case H = 1, is `steps = 1` for one step on a minibatch, and
`epochs = 1` with a `batch_size` of at least `text.cache_rows` for one step on all that a phone has.
A list has one entry per version, of which the last one holds: any table of H by version.
"""

from dataclasses import dataclass
from typing import ClassVar

from gboard_sim.communication.schedules.every_window import EveryWindow
from gboard_sim.seam.records import LocalWork


@dataclass(frozen=True, slots=True)
class Fixed(EveryWindow):
    """Train and upload in every window; what was not accepted is lost.

    Attributes:
        name: Its name in experiment files.
    """

    name: ClassVar[str] = "fixed"

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        return self.work.at(version)
