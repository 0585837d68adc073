"""Amplification by Poisson sampling: a secret coin draws each phone for each version.

It holds because the fleet does just that: a coin for every enrolled phone, thrown apart from all
others, nobody in the place of a drawn phone that is away, rounds whose times do not depend on the
coins, and a server that tells nobody whom they drew. A phone that is kept out by a bound on its
participation, or was drawn before in the same window, is in a version with less than the coin's
probability given all that was let out before, so that each version costs at most what is counted.
Nothing of the kind holds for other rounds, which close with whoever came first, nor for correlated
noise.

A cohort that is cut to a size has no claim. `dp_accounting` knows its law for a fixed number of
phones that can be drawn, but how many are at hand changes by the hour, and no number is the worst:
with a coin of 0.05 and a cut to 80, 100 versions and z = 1, epsilon at delta 1e-6 is 4.1 for 800
phones, 19.4 for 2,000, and 14.7 for 3,000.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.claim import Leaving
from gboard_sim.privacy.mechanisms.sum_noise import versions_of

Accountant = Literal["pld", "rdp"]

AVAILABILITY = (
    "when phones are at hand counts as public, whom the coins draw stays secret with the server"
)

AT_HAND = Leaving(
    "when the phone is at hand, and for how long", "treated as public by the neighbouring relation"
)
DRAWN = Leaving(
    "whether it trains and uploads in a version, which says that a coin drew it",
    "kept secret by the server, which is trusted",
)

_FINE, _COARSE = 1e-4, 1e-3
_MANY = 1000
"""Versions above which privacy losses are rounded up to the coarse step: seconds for minutes."""


@dataclass(frozen=True, slots=True)
class SampledSums:
    """Sums that a phone is in with a probability.

    Attributes:
        noise_multiplier: Standard deviation of the noise over the clip.
        probability: Of being drawn, for each version.
        delta: Probability with which the bound may fail.
        accountant: `pld` composes privacy-loss distributions, `rdp` Renyi divergences, which read
            higher and stand in older papers.
    """

    noise_multiplier: float
    probability: float
    delta: float
    accountant: Accountant = "pld"

    def row(self, version: int) -> float:
        """Fresh noise for every version; see `claim.Accounting`."""
        return 1.0

    def epsilon(self, bounds: Bounds) -> float:
        """Of all versions; see `claim.Accounting`."""
        versions = versions_of(bounds)
        if self.noise_multiplier == 0.0:
            return float("inf")
        if versions == 0:
            return 0.0
        composed = self._fresh(versions)
        composed.compose(self._event(self.noise_multiplier), versions)
        return float(composed.get_epsilon(self.delta))

    def noise_for(self, bounds: Bounds, epsilon: float) -> float:
        """The least noise multiplier for an epsilon, to 1e-5; 0 for an infinite one."""
        if epsilon == float("inf"):
            return 0.0
        import dp_accounting  # noqa: PLC0415  it loads half of scipy

        if self.accountant == "rdp":
            bracket = dp_accounting.LowerEndpointAndGuess(0.05, 1.0)
        else:
            # Renyi divergences are quick and read higher, so their noise bounds this one's.
            high = replace(self, accountant="rdp").noise_for(bounds, epsilon)
            low = high / 2.0
            while replace(self, noise_multiplier=low).epsilon(bounds) <= epsilon:
                low /= 2.0
            bracket = dp_accounting.ExplicitBracketInterval(low, 1.01 * high)
        versions = versions_of(bounds)
        found = dp_accounting.calibrate_dp_mechanism(
            lambda: self._fresh(versions),
            lambda noise: dp_accounting.SelfComposedDpEvent(self._event(noise), versions),
            epsilon,
            self.delta,
            bracket,
            tol=1e-5,
        )
        return float(found)

    def _fresh(self, versions: int) -> Any:
        """An accountant of the zero-out relation."""
        import dp_accounting  # noqa: PLC0415  it loads half of scipy

        relation = dp_accounting.NeighboringRelation.REPLACE_SPECIAL
        if self.accountant == "rdp":
            return dp_accounting.rdp.RdpAccountant(neighboring_relation=relation)
        step = _COARSE if versions > _MANY else _FINE
        return dp_accounting.pld.PLDAccountant(relation, value_discretization_interval=step)

    def _event(self, noise_multiplier: float) -> Any:
        """Noise on a sum that the phone is in with that probability."""
        import dp_accounting  # noqa: PLC0415  it loads half of scipy

        noise = dp_accounting.GaussianDpEvent(noise_multiplier)
        return dp_accounting.PoissonSampledDpEvent(self.probability, noise)
