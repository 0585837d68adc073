"""The catalogue of mechanisms: what makes an update private, or the sum of them.

Worker processes import this, so nothing here imports the accountant's libraries.
"""

from gboard_sim.privacy.mechanisms.banded import Banded
from gboard_sim.privacy.mechanisms.blt import Blt
from gboard_sim.privacy.mechanisms.distributed import (
    DistributedDiscreteGaussian as DistributedDiscreteGaussian,
)
from gboard_sim.privacy.mechanisms.distributed import DistributedSkellam as DistributedSkellam
from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.local_gaussian import LocalGaussian as LocalGaussian
from gboard_sim.privacy.mechanisms.local_laplace import LocalLaplace as LocalLaplace
from gboard_sim.privacy.mechanisms.none import NoMechanism as NoMechanism
from gboard_sim.privacy.mechanisms.priv_unit import PrivUnit as PrivUnit
from gboard_sim.privacy.mechanisms.tree import Tree

_KINDS = (
    NoMechanism,
    LocalGaussian,
    LocalLaplace,
    PrivUnit,
    Independent,
    Tree,
    Banded,
    Blt,
    DistributedSkellam,
    DistributedDiscreteGaussian,
)

MECHANISMS: dict[str, type] = {kind.name: kind for kind in _KINDS}
"""What carries out each mechanism of `gboard_sim.experiment.mechanisms`: on a phone, as the noise
that a server adds to sums, or as shares of it."""
