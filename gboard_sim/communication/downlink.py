"""What phones download where the downlink goes through a codec: a chain of published versions.

The server keeps its own parameters, the master, in float32. What it publishes of each version is
what phones can rebuild:

    published_v = published_{v-1} + decode(encode(master_v - published_{v-1}))

so that what a codec leaves out of one version is in the next one's difference. That is error
feedback at the server (H. Tang et al., "DoubleSqueeze", ICML 2019, arXiv 1905.05957; K. Mishchenko
et al., "DIANA", 2019, arXiv 1901.09269, learn differences likewise). Phones train from what was
published, and their updates are measured from it. A phone that holds version h downloads the
differences of h + 1, ..., v one after the other, or the whole published model where that is less.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gboard_sim.communication.codecs.drive import Drive
from gboard_sim.communication.codecs.k_level import KLevel
from gboard_sim.communication.codecs.modular import Modular
from gboard_sim.communication.codecs.random_mask import RandomMask
from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Ints, Vector

WHOLE = "fp32"
"""The codec of `[downlink]` that stands for the whole model, at every download."""

LEAST_SHARE = 0.5

LEAST_BLOCKS = 0.9
"""Of DRIVE, unbiased: sending a share q of blocks that are all alike leaves out pi / 2q - 1 of the
square, which must be below 1, so q above pi / 4 = .79 (assumed: with a margin)."""

_RUNS_AWAY = "with less, what phones hold would run away from the server's own model"

_SERVER = 0
"""In the place of a phone: the chain draws from a seed of its own."""


class Wire(Protocol):
    """What of a difference travels: of what phones do not train, nothing does."""

    def shrink(self, vector: Vector, /) -> Vector:
        """What travels of a difference. Shape [P] to shape [C]."""
        ...

    def moved(self, parameters: Vector, step: Vector) -> Vector:
        """Parameters after a step that travelled. Shape [P] and [C] to shape [P]."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedChain:
    """The versions that phones can hold, and what they pay for them; see `protocols.Downlink`.

    Attributes:
        codec: What the differences go through, of fixed size.
        model_bytes: Bytes of a whole model.
        parameters: Numbers in a difference C.
        wire: What of a difference travels.
        lossy: Whether what is published differs from the master: not where no phone trains from it.
    """

    codec: Codec
    model_bytes: int
    parameters: int
    wire: Wire
    lossy: bool = True

    def download_bytes(self, held: Ints, wanted: int) -> Ints:
        """Bytes from each held version (-1 for none) to `wanted`. Shape [n]."""
        links = wanted - held
        chain = links * self.codec.payload_bytes(self.parameters)
        usable = (held >= 0) & (links >= 0)
        return np.where(usable, np.minimum(chain, self.model_bytes), self.model_bytes)

    def publish(self, published: Vector, master: Vector, version: int) -> Vector:
        """What phones hold of a version.

        Args:
            published: What they hold of the version before. Shape [P].
            master: The server's own parameters of this version. Shape [P].
            version: The version.
        """
        if not self.lossy:
            return master
        difference = self.wire.shrink(master - published)
        step, _ = self.codec.transmit(difference, _SERVER, version)
        return self.wire.moved(published, step)


def refuse_unstable(codec: Codec) -> None:
    """Raises ValueError for a codec whose chain is none, or runs away from its master.

    What a codec leaves out goes into the next difference, so it must be less than what the codec
    was given. A random mask leaves out 1 / share - 1 times the square of it. Random rounding to k
    levels errs by less than a step, range / (k - 1), either way, so that two levels can double the
    range from version to version; and after a rotation, which spreads a block of 4,096 numbers like
    normal ones over some 7.4 standard deviations, four levels leave out as much as they were given.
    """
    if isinstance(codec, Modular):
        raise ValueError("codec 'modular' carries whole numbers, which differences are not")
    if isinstance(codec, RandomMask) and codec.share <= LEAST_SHARE:
        raise ValueError(f"share(={codec.share}) must be above {LEAST_SHARE}: {_RUNS_AWAY}")
    if isinstance(codec, Drive) and codec.scale == "unbiased" and codec.share < LEAST_BLOCKS:
        raise ValueError(
            f"share(={codec.share}) must be at least {LEAST_BLOCKS}, or scale 'least_error': "
            f"{_RUNS_AWAY}"
        )
    if isinstance(codec, KLevel) and codec.bits <= 1 + codec.rotate:
        turned = " with rotate(=true)" if codec.rotate else ""
        least = 4 if codec.rotate else 2
        raise ValueError(f"bits(={codec.bits}){turned} must be at least {least}: {_RUNS_AWAY}")
