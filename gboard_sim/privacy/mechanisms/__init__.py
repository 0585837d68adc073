"""The catalogue of mechanisms: what makes an update private before it is encoded.

Worker processes import this, so nothing here imports the accountant's libraries.
"""

from gboard_sim.privacy.mechanisms.local_gaussian import LocalGaussian as LocalGaussian
from gboard_sim.privacy.mechanisms.local_laplace import LocalLaplace as LocalLaplace
from gboard_sim.privacy.mechanisms.none import NoMechanism as NoMechanism
from gboard_sim.privacy.mechanisms.priv_unit import PrivUnit as PrivUnit

AnyMechanism = NoMechanism | LocalGaussian | LocalLaplace | PrivUnit

MECHANISMS: dict[str, type[AnyMechanism]] = {
    kind.name: kind for kind in (NoMechanism, LocalGaussian, LocalLaplace, PrivUnit)
}
"""Every mechanism by its name in experiment files."""
