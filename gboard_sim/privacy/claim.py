"""The privacy claim: a sentence about one phone, true because the protocol enforces its bounds.

What kinds of claims share stands here; how one kind is calibrated and accounted stands in a file of
its own, such as `local_claim.py`.
"""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from gboard_sim.privacy.accountant import Relation
from gboard_sim.privacy.bounds import Bounds

UNIT = "one phone, all its text, the whole run"

_NEIGHBOUR: dict[Relation, str] = {
    "zero-out": "that text replaced by none",
    "replace-one": "that text replaced by any other",
}

Trusted = Literal["phone", "server", "aggregation", "nobody", "shuffler"]
"""Whoever sees an update without noise, or, with a shuffler, whose update it is."""

_TRUSTED: dict[Trusted, str] = {
    "phone": "nobody but the phone",
    "server": "the server",
    "aggregation": "secure aggregation, through which the server sees sums alone",
    "nobody": "nobody with an update: secure aggregation is carried out, so that no party stands "
    "for it, and a server that keeps to its protocol sees sums alone",
    "shuffler": "a shuffler, which hides whose payload is whose",
}

TIMING = "timing and participation count as public"


@dataclass(frozen=True, slots=True)
class Leaving:
    """One thing that leaves a phone, and what protects it.

    Attributes:
        what: The thing.
        covered_by: Why it says nothing that the claim does not allow.
    """

    what: str
    covered_by: str


PUBLIC = Leaving(
    "when the phone checks in, trains and uploads, for how long, and whether at all",
    "treated as public by the neighbouring relation",
)
SAME_SIZE = Leaving("payload size", "the same for every update of a model")
SIZE_OF_NOISED = Leaving("payload size", "follows from the update after its noise was added")
"""What every claim lists. Losses, message counts and evaluations that a run reports are read by the
simulator and never sent; a run in which phones would send them is refused under a claim."""


@dataclass(frozen=True, slots=True)
class Extrapolated:
    """A larger fleet whose noise a small one simulates.

    Attributes:
        population: Its phones.
        cohort: Uploads in its sums.
        share: Of its noise, what the sums of the small one are given.
    """

    population: int
    cohort: int
    share: float

    def __str__(self) -> str:
        return f"extrapolated: population {self.population}, cohort {self.cohort}"


class Accounting(Protocol):
    """Turns bounds on participation into epsilon; its attributes are what it counts with."""

    def row(self, version: int) -> float:
        """Deviation of the noise on the sum that makes a version, over the claim's multiplier.

        The norm of that row of the noise's matrix; 0 where payloads have noise of their own.
        """
        ...

    def epsilon(self, bounds: Bounds) -> float:
        """The epsilon of one phone within these bounds; infinity where nothing hides it.

        Raises:
            ValueError: A bound is missing that it needs.
        """
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """What a run promises before it starts, and the bounds that make it true.

    Attributes:
        mechanism: Its name in the catalogue of mechanisms.
        epsilon_policy: The whole run's epsilon for one phone; infinity is no promise, None none
            for this fleet (see `extrapolated`).
        delta: Probability with which the bound may fail.
        relation: Which two worlds an observer cannot tell apart.
        trusted: Who sees the update without noise.
        bounds: What the fleet enforces for every phone.
        bounded: The bounds in words: `at most 4 payloads leave the phone`.
        protected: What every payload or sum goes through, in words, after the bounds.
        noise_multiplier: Least standard deviation of the noise over the clip, or what stands for
            it; 0 is no noise. Events of the run are held against it.
        accounting: What turns bounds into epsilon.
        leaves_phone: Everything that leaves a phone.
        public: What an observer may know in any case.
        extrapolated: For which larger fleet an epsilon holds that this one does not earn.
        epsilon_extrapolated: That epsilon.
        unit: What is protected.
    """

    mechanism: str
    epsilon_policy: float | None
    delta: float
    relation: Relation
    trusted: Trusted
    bounds: Bounds
    bounded: str
    protected: str
    noise_multiplier: float
    accounting: Accounting
    leaves_phone: tuple[Leaving, ...]
    public: str = TIMING
    extrapolated: Extrapolated | None = None
    epsilon_extrapolated: float | None = None
    unit: str = UNIT

    def __str__(self) -> str:
        """The claim in one sentence."""
        trust = f"trusted: {_TRUSTED[self.trusted]}; {self.public}"
        if self.epsilon_policy is None:
            return (
                f"no epsilon for this fleet: {self.bounded}, {self.protected}; "
                f"{self.extrapolated}: epsilon {self.epsilon_extrapolated:.6g} at delta "
                f"{self.delta:g}; {trust}."
            )
        if math.isinf(self.epsilon_policy):
            return f"epsilon is infinite: {self.bounded}, {self.protected}, so nothing is promised."
        return (
            f"epsilon {self.epsilon_policy:.6g} at delta {self.delta:g} for {self.unit}, against "
            f"{_NEIGHBOUR[self.relation]} ({self.relation}): {self.bounded}, {self.protected}; "
            f"{trust}."
        )

    def warnings(self, phones: int) -> tuple[str, ...]:
        """What a reader of the claim should be told, for a fleet of `phones`."""
        phones = max(phones, self.extrapolated.population if self.extrapolated else 0)
        if self.delta >= 1.0 / phones:
            return (
                f"delta(={self.delta:g}) is not below 1/{phones}: a mechanism that publishes "
                f"one random phone's text outright would meet it; choose it well below that",
            )
        return ()
