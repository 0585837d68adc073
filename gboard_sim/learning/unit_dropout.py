"""Dropout of units while a phone trains: against learning its few messages by heart.

Of every token's embedding, and of what its logits are computed from, each number is zeroed with a
chance, and the others are scaled up so that the mean stays (Srivastava et al., JMLR 15, 2014); the
recurrent connection is left alone (Zaremba et al. 2014, arXiv 1409.2329).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.model.spec import ModelSpec
from gboard_sim.learning.text.packing import Batch, Kept
from gboard_sim.seeds import quick_stream


@dataclass(frozen=True, slots=True)
class UnitDropout:
    """What zeroes numbers.

    Attributes:
        rate: The chance of each.
        seed: The experiment's seed.
        spec: The model's sizes.
    """

    rate: float
    seed: int
    spec: ModelSpec

    def on(self, batches: Iterable[Batch], *ids: int) -> Iterator[Batch]:
        """The batches of a stint, each with what is kept of it.

        Args:
            batches: In their order.
            *ids: What names the stint among all: the same give the same numbers.
        """
        for step, batch in enumerate(batches):
            if not self.rate:
                yield batch
                continue
            rng = quick_stream(self.seed, "dropout", *ids, step)
            lanes, lane = batch.inputs.shape
            widths = (self.spec.embedding, self.spec.features)
            yield replace(batch, kept=Kept(*(self._kept(rng, (lane, lanes, w)) for w in widths)))

    def _kept(
        self, rng: np.random.Generator, shape: tuple[int, int, int]
    ) -> npt.NDArray[np.float32]:
        """0, or 1 over the share that is kept."""
        scale = np.float32(1.0 / (1.0 - self.rate))
        return (rng.random(shape, np.float32) >= self.rate) * scale
