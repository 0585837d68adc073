"""The bound on one upload where the server is trusted: an L2 clip, on the phone and at the server.

The sensitivity of a sum rests on what the server adds, not on what a phone says that it did, and a
lossy codec may lengthen an honest update. So the server clips what it has decoded.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim.privacy.clipping import norm_of, shortened
from gboard_sim.seam.records import Vector


@dataclass(frozen=True, slots=True)
class ClipBound:
    """An L2 norm that no upload passes.

    Attributes:
        clip: The norm C.
        lengthens: By which share at most the codec lengthens an update: a longer one that arrives
            is a lie. None where a codec may lengthen any update, so that none is told from a lie.
    """

    clip: float
    lengthens: float | None = None

    def on_phone(self, update: Vector) -> tuple[Vector, bool]:
        """The clipped update, and whether its norm was at most the clip."""
        norm = norm_of(update)
        return shortened(update, norm, self.clip), norm <= self.clip

    def on_server(self, received: Vector, parameters: int) -> Vector:
        """What the server adds.

        Raises:
            ValueError: The update has another shape or type, NaN, infinity, or a norm that its
                codec cannot have made of an honest one.
        """
        if received.shape != (parameters,) or received.dtype != np.float32:
            raise ValueError(
                f"update has shape {received.shape} and type {received.dtype}; wanted: "
                f"({parameters},) and float32"
            )
        norm = norm_of(received)
        if self.lengthens is not None and norm > self.clip * (1.0 + self.lengthens):
            raise ValueError(f"update has norm {norm:.6g}, above the clip {self.clip:.6g}")
        return shortened(received, norm, self.clip)
