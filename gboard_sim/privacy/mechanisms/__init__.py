"""The catalogue of mechanisms: what makes an update private, or the sum of them.

Worker processes import this, so nothing here imports the accountant's libraries.
"""

from gboard_sim.privacy.mechanisms.banded import Banded
from gboard_sim.privacy.mechanisms.blt import Blt
from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.local_gaussian import LocalGaussian as LocalGaussian
from gboard_sim.privacy.mechanisms.none import NoMechanism as NoMechanism
from gboard_sim.privacy.mechanisms.tree import Tree

ON_PHONES = (NoMechanism, LocalGaussian)
"""What runs on a phone."""

AT_SERVER = (Independent, Tree, Banded, Blt)
"""Noise that a trusted server adds to sums."""

MECHANISMS: dict[str, type] = {kind.name: kind for kind in (*ON_PHONES, *AT_SERVER)}
"""Every mechanism by its name in experiment files."""
