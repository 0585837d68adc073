"""The ledger: the privacy events that really ran, held against the claim that came before them."""

from dataclasses import asdict, dataclass
from typing import Any

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.claim import Claim
from gboard_sim.records import PrivacyEvent


@dataclass(frozen=True, slots=True)
class Ledger:
    """One run's claim, its events, and what the log shows.

    Attributes:
        claim: What was promised before the run.
        events: The mechanism that ran for each version.
        seen: How often one phone took part at most, by the log.
    """

    claim: Claim
    events: tuple[PrivacyEvent, ...]
    seen: Bounds

    def broken(self) -> str | None:
        """Why the run did not keep the claim's bounds, or None where it did."""
        claim = self.claim
        if reason := claim.bounds.broken_by(self.seen):
            return reason
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
        """A diagnostic, never a claim: the epsilon of what the log shows of the busiest phones.

        None where the claim's bounds were not kept. It looks at what happened, which a promise
        made beforehand may not, and must not steer a run.
        """
        if self.broken() or self.claim.epsilon_policy is None:
            return None
        return self.claim.accounting.epsilon(self.seen)

    def document(self) -> dict[str, Any]:
        """The ledger as `ledger.json` holds it; an infinite epsilon is Python's infinity."""
        return {
            "claim": asdict(self.claim),
            "sentence": str(self.claim),
            "leaves_phone": [asdict(leaving) for leaving in self.claim.leaves_phone],
            "broken": self.broken(),
            "epsilon_policy": self.epsilon_policy(),
            "epsilon_realised": self.epsilon_realised(),
            "seen": asdict(self.seen),
            "events": [asdict(event) for event in self.events],
        }
