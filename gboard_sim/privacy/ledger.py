"""The ledger: the privacy events that really ran, held against the claim that came before them."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gboard_sim.privacy import accountant
from gboard_sim.privacy.claim import LEAVES_PHONE, Claim
from gboard_sim.records import Flags, Ints, PrivacyEvent


def most_payloads(phone: Ints, left_phone: Flags) -> int:
    """The most payloads that left any one phone, used or not, whole or broken off.

    Args:
        phone: The phone of each session. Shape [n].
        left_phone: Whether any payload byte left it. Shape [n].
    """
    return int(np.bincount(phone[left_phone], minlength=1).max())


@dataclass(frozen=True, slots=True)
class Ledger:
    """One run's claim, its events, and what the session log shows.

    Attributes:
        claim: What was promised before the run.
        events: The mechanism that ran for each version, over the payloads that it used.
        most_payloads: The most payloads that left any one phone, by the session log.
    """

    claim: Claim
    events: tuple[PrivacyEvent, ...]
    most_payloads: int

    def broken(self) -> str | None:
        """Why the run did not keep the claim's bounds, or None where it did."""
        claim = self.claim
        if self.most_payloads > claim.max_uploads:
            return (
                f"{self.most_payloads} payloads left one phone; the claim allows "
                f"{claim.max_uploads}"
            )
        for event in self.events:
            if event.mechanism != claim.mechanism:
                return f"version {event.version} ran {event.mechanism!r}, not {claim.mechanism!r}"
            if event.noise_multiplier < claim.noise_multiplier:
                return (
                    f"version {event.version} had noise multiplier {event.noise_multiplier}; "
                    f"the claim needs {claim.noise_multiplier}"
                )
        return None

    def epsilon_policy(self) -> float | None:
        """The claim's epsilon, or None where the log shows that its bounds were not kept."""
        return None if self.broken() else self.claim.epsilon_policy

    def epsilon_realised(self) -> float | None:
        """A diagnostic, never a claim: the epsilon of the phone from which most really left.

        None where the claim's bounds were not kept. It looks at what happened, which a promise
        made beforehand may not, and must not steer a run.
        """
        if self.broken():
            return None
        releases = [(self.claim.noise_multiplier, self.most_payloads)]
        return accountant.epsilon(releases, self.claim.delta, self.claim.relation)

    def document(self) -> dict[str, Any]:
        """The ledger as `ledger.json` holds it; an infinite epsilon is Python's infinity."""
        return {
            "claim": asdict(self.claim),
            "sentence": str(self.claim),
            "leaves_phone": [asdict(leaving) for leaving in LEAVES_PHONE],
            "broken": self.broken(),
            "epsilon_policy": self.epsilon_policy(),
            "epsilon_realised": self.epsilon_realised(),
            "most_payloads": self.most_payloads,
            "events": [asdict(event) for event in self.events],
        }
