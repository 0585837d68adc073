"""The claim of local privacy: it composes over every payload that leaves a phone, used or not."""

import math
from dataclasses import dataclass

from gboard_sim.errors import InvariantError
from gboard_sim.privacy import accountant
from gboard_sim.privacy.accountant import Relation
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.claim import PUBLIC, SAME_SIZE, Claim, Leaving

COMPOSED = "clipped and noised on the phone, composed over every payload sent"


@dataclass(frozen=True, slots=True)
class GaussianPayloads:
    """Each payload is one Gaussian release.

    Attributes:
        noise_multiplier: Standard deviation of the noise over the clip norm.
        delta: Probability with which the bound may fail.
        relation: What neighbouring means.
    """

    noise_multiplier: float
    delta: float
    relation: Relation

    def row(self, version: int) -> float:
        """No sum is noised; see `claim.Accounting`."""
        return 0.0

    def epsilon(self, bounds: Bounds) -> float:
        """Of all payloads of one phone; see `claim.Accounting`."""
        releases = [(self.noise_multiplier, payloads(bounds))]
        return accountant.epsilon(releases, self.delta, self.relation)


def payloads(bounds: Bounds) -> int:
    """Most payloads that leave one phone.

    Raises:
        ValueError: Nothing bounds them.
    """
    if bounds.uploads is None:
        raise ValueError("local privacy needs a bound on the payloads that leave a phone")
    return bounds.uploads


def bounded(max_uploads: int) -> str:
    """The bound in words."""
    many = "1 payload leaves" if max_uploads == 1 else f"{max_uploads} payloads leave"
    return f"at most {many} the phone"


def local_gaussian_claim(
    *, epsilon: float, delta: float, clip: float, max_uploads: int, relation: Relation = "zero-out"
) -> Claim:
    """The claim of `local_gaussian` with just enough noise for the whole run.

    Args:
        epsilon: The whole run's epsilon for one phone; infinity clips without noise.
        delta: Probability with which the bound may fail.
        clip: The L2 clip norm.
        max_uploads: Most payloads of which any byte leaves one phone.
        relation: What neighbouring means.

    Raises:
        ValueError: An argument is outside its range.
        InvariantError: The accountant does not confirm the calibration.
    """
    if not (clip > 0.0 and math.isfinite(clip)):
        raise ValueError(f"clip(={clip}) must be a finite number above 0")
    multiplier = accountant.noise_multiplier(epsilon, delta, max_uploads, relation)
    accounting = GaussianPayloads(multiplier, delta, relation)
    bounds = Bounds(uploads=max_uploads)
    claimed = accounting.epsilon(bounds)
    if not (claimed == epsilon or 0.0 <= epsilon - claimed <= 1e-6 * epsilon):
        raise InvariantError(f"calibrated to epsilon {epsilon}, accounted at {claimed}")
    noise = (
        f"and given Gaussian noise of {multiplier:.6g} times that"
        if multiplier
        else "but given no noise"
    )
    return Claim(
        mechanism="local_gaussian",
        epsilon_policy=claimed,
        delta=delta,
        relation=relation,
        trusted="phone",
        bounds=bounds,
        bounded=bounded(max_uploads),
        protected=f"each clipped to an L2 norm of {clip:g} {noise}",
        noise_multiplier=multiplier,
        accounting=accounting,
        leaves_phone=(Leaving("the update", COMPOSED), SAME_SIZE, PUBLIC),
    )
