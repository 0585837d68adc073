"""The privacy claim: a sentence about one phone, true because the protocol enforces its bounds."""

import math
from dataclasses import dataclass
from typing import Literal

from gboard_sim.errors import InvariantError
from gboard_sim.privacy import accountant
from gboard_sim.privacy.accountant import Relation

UNIT = "one phone, all its text, the whole run"

_NEIGHBOUR: dict[Relation, str] = {
    "zero-out": "that text replaced by none",
    "replace-one": "that text replaced by any other",
}
_TRUSTED = {"phone": "nobody but the phone", "server": "the server"}


@dataclass(frozen=True, slots=True)
class Leaving:
    """One thing that leaves a phone, and what protects it.

    Attributes:
        what: The thing.
        covered_by: Why it says nothing that the claim does not allow.
    """

    what: str
    covered_by: str


LEAVES_PHONE = (
    Leaving("the update", "clipped and noised on the phone, composed over every payload sent"),
    Leaving("payload size", "the same for every update of a model"),
    Leaving(
        "when the phone checks in, trains and uploads, for how long, and whether at all",
        "treated as public by the neighbouring relation",
    ),
)
"""Everything that leaves a phone under `local_gaussian`. Losses, message counts and evaluations
that a run reports are read by the simulator and never sent."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run promises before it starts, and the bounds that make it true.

    Attributes:
        epsilon_policy: The whole run's epsilon for one phone; infinity is no promise.
        delta: Probability with which the bound may fail.
        unit: What is protected.
        relation: Which two worlds an observer cannot tell apart.
        trusted: Who sees the update without noise: `phone` or `server`.
        mechanism: Its name in the catalogue of mechanisms.
        max_uploads: Most payloads of which any byte leaves one phone; the fleet enforces it.
        noise_multiplier: Standard deviation of the noise over the clip norm.
        clip: The L2 clip norm.
    """

    epsilon_policy: float
    delta: float
    unit: str
    relation: Relation
    trusted: Literal["phone", "server"]
    mechanism: str
    max_uploads: int
    noise_multiplier: float
    clip: float

    def __str__(self) -> str:
        """The claim in one sentence."""
        payloads = (
            "1 payload leaves" if self.max_uploads == 1 else f"{self.max_uploads} payloads leave"
        )
        bounds = f"at most {payloads} the phone, each clipped to an L2 norm of {self.clip:g}"
        trust = f"trusted: {_TRUSTED[self.trusted]}; timing and participation count as public"
        if math.isinf(self.epsilon_policy):
            return f"epsilon is infinite: {bounds} but given no noise, so nothing is promised."
        return (
            f"epsilon {self.epsilon_policy:.6g} at delta {self.delta:g} for {self.unit}, against "
            f"{_NEIGHBOUR[self.relation]} ({self.relation}): {bounds} and given Gaussian noise of "
            f"{self.noise_multiplier:.6g} times that; {trust}."
        )

    def warnings(self, phones: int) -> tuple[str, ...]:
        """What a reader of the claim should be told, for a fleet of `phones`."""
        if self.delta >= 1.0 / phones:
            return (
                f"delta(={self.delta:g}) is not below 1/{phones}: a mechanism that publishes "
                f"one random phone's text outright would meet it; choose it well below that",
            )
        return ()


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
    claimed = accountant.epsilon([(multiplier, max_uploads)], delta, relation)
    if not (claimed == epsilon or 0.0 <= epsilon - claimed <= 1e-6 * epsilon):
        raise InvariantError(f"calibrated to epsilon {epsilon}, accounted at {claimed}")
    return Claim(
        epsilon_policy=claimed,
        delta=delta,
        unit=UNIT,
        relation=relation,
        trusted="phone",
        mechanism="local_gaussian",
        max_uploads=max_uploads,
        noise_multiplier=multiplier,
        clip=clip,
    )
