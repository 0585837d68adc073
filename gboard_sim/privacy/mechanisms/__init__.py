"""The catalogue of mechanisms: what makes an update private, or the sum of them.

Worker processes import this, so nothing here imports the accountant's libraries.
"""

from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.local_gaussian import LocalGaussian as LocalGaussian
from gboard_sim.privacy.mechanisms.none import NoMechanism as NoMechanism

ON_PHONES = (NoMechanism, LocalGaussian)
"""What runs on a phone."""

AT_SERVER = (Independent,)
"""Noise that a trusted server adds to sums."""

MECHANISMS: dict[str, type] = {kind.name: kind for kind in (*ON_PHONES, *AT_SERVER)}
"""Every mechanism by its name in experiment files."""
