"""The claims of pure randomisers: a phone's payloads compose optimally, and may be shuffled."""

import math
from dataclasses import dataclass

from gboard_sim.errors import InvariantError
from gboard_sim.privacy import pure_composition, shuffling
from gboard_sim.privacy.accountant import SENSITIVITY, Relation
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.claim import PUBLIC, SAME_SIZE, Claim, Leaving
from gboard_sim.privacy.local_claim import COMPOSED, bounded, payloads


@dataclass(frozen=True, slots=True)
class PurePayloads:
    """Each payload is one pure release.

    Attributes:
        each: Epsilon of one payload between the two neighbours of the relation.
        between_any: Epsilon of one payload between any two updates.
        reports: Fewest payloads that are shuffled together; None without a shuffler.
        delta: Probability with which the bound may fail.
    """

    each: float
    between_any: float
    reports: int | None
    delta: float

    def row(self, version: int) -> float:
        """No sum is noised; see `claim.Accounting`."""
        return 0.0

    def epsilon(self, bounds: Bounds) -> float:
        """Of all payloads of one phone; see `claim.Accounting`."""
        count = payloads(bounds)
        alone = pure_composition.epsilon_of(self.each, count, self.delta)
        if self.reports is None:
            return alone
        return min(alone, shuffling.epsilon_of(self.between_any, count, self.reports, self.delta))


def local_laplace_claim(
    *,
    epsilon: float,
    delta: float,
    clip: float,
    max_uploads: int,
    reports: int | None = None,
    relation: Relation = "zero-out",
) -> Claim:
    """The claim of `local_laplace` with just enough noise for the whole run.

    Args:
        epsilon: The whole run's epsilon for one phone; infinity clips without noise.
        delta: Probability with which the bound may fail; at 0 the payloads' epsilons add up.
        clip: The L1 clip norm.
        max_uploads: Most payloads of which any byte leaves one phone.
        reports: Fewest payloads that are shuffled together; None without a shuffler.
        relation: What neighbouring means.

    Raises:
        ValueError: An argument is outside its range.
    """
    reach = SENSITIVITY[relation]
    accounting = _accounting(epsilon, delta, max_uploads, reports, 2.0 / reach)
    scale = reach / accounting.each
    multiplier = math.sqrt(2.0) * scale
    noise = (
        f"and given Laplace noise of scale {scale:.6g} times that, for a sensitivity of "
        f"{reach:g} times it"
        if multiplier
        else "but given no noise"
    )
    return _claim(
        "local_laplace",
        epsilon,
        accounting,
        max_uploads,
        relation,
        multiplier,
        f"each clipped to an L1 norm of {clip:g} {noise}",
    )


def priv_unit_claim(
    *,
    epsilon: float,
    delta: float,
    clip: float,
    max_uploads: int,
    noise_multiplier: float,
    reports: int | None = None,
) -> Claim:
    """The claim of `priv_unit`, which holds between any two updates.

    Args:
        epsilon: The whole run's epsilon for one phone; infinity clips without noise.
        delta: Probability with which the bound may fail; at 0 the payloads' epsilons add up.
        clip: The L2 clip norm.
        max_uploads: Most payloads of which any byte leaves one phone.
        noise_multiplier: What the mechanism errs by; see `PrivUnit`.
        reports: Fewest payloads that are shuffled together; None without a shuffler.

    Raises:
        ValueError: An argument is outside its range.
    """
    accounting = _accounting(epsilon, delta, max_uploads, reports, 1.0)
    noise = (
        f"and told as direction and norm apart, with epsilon {accounting.each:.6g} for both, an "
        f"error of {noise_multiplier:.6g} times that on every coordinate"
        if noise_multiplier
        else "but given no noise"
    )
    return _claim(
        "priv_unit",
        epsilon,
        accounting,
        max_uploads,
        "zero-out",
        noise_multiplier,
        f"each clipped to an L2 norm of {clip:g} {noise}",
    )


def each_payload(epsilon: float, delta: float, max_uploads: int, reports: int | None) -> float:
    """Epsilon between any two updates that a payload may have; arguments as above."""
    if reports is None:
        return pure_composition.each_of(epsilon, delta, max_uploads)
    return shuffling.local_of(epsilon, delta, max_uploads, reports)


def _accounting(
    epsilon: float, delta: float, max_uploads: int, reports: int | None, wider: float
) -> PurePayloads:
    """The most that one payload may reveal.

    `wider` is how much more it reveals between any two updates than between neighbours.
    """
    each = pure_composition.each_of(epsilon, delta, max_uploads)
    if reports is not None:
        each = max(each, shuffling.local_of(epsilon, delta, max_uploads, reports) / wider)
    return PurePayloads(each, each * wider, reports, delta)


def _claim(
    mechanism: str,
    epsilon: float,
    accounting: PurePayloads,
    max_uploads: int,
    relation: Relation,
    noise_multiplier: float,
    protected: str,
) -> Claim:
    bounds = Bounds(uploads=max_uploads)
    claimed = accounting.epsilon(bounds)
    if not claimed <= epsilon:
        raise InvariantError(f"calibrated to epsilon {epsilon}, accounted at {claimed}")
    mixed = accounting.reports is not None
    if mixed:
        protected += f", and shuffled with at least {accounting.reports} in its round"
    return Claim(
        mechanism=mechanism,
        epsilon_policy=claimed,
        delta=accounting.delta,
        relation=relation,
        trusted="shuffler" if mixed else "phone",
        bounds=bounds,
        bounded=bounded(max_uploads),
        protected=protected,
        noise_multiplier=noise_multiplier,
        accounting=accounting,
        leaves_phone=(Leaving("the update", COMPOSED), SAME_SIZE, PUBLIC),
    )
