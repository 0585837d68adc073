"""The ledger: the privacy events that really ran, held against the claim that came before them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gboard_sim.errors import InvariantError
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.claim import Claim
from gboard_sim.records import PrivacyEvent, Unmasked


@dataclass(frozen=True, slots=True)
class Ledger:
    """One run's claim, its events, and what the log shows.

    Attributes:
        claim: What was promised before the run.
        events: The mechanism that ran for each version; None where the fleet ran alone.
        seen: How often one phone took part at most, by the log.
    """

    claim: Claim
    events: tuple[PrivacyEvent, ...] | None
    seen: Bounds

    def broken(self) -> str | None:
        """Why the run did not keep the claim's bounds, or None where it did."""
        claim = self.claim
        if reason := claim.bounds.broken_by(self.seen):
            return reason
        if self.events is None:
            return None
        entered = {event.version for event in self.events}
        if missing := set(range(1, (self.seen.versions or 0) + 1)) - entered:
            return f"version {min(missing)} has no entry in the ledger"
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
            **_promised(self.claim),
            "broken": self.broken(),
            "epsilon_policy": self.epsilon_policy(),
            "epsilon_realised": self.epsilon_realised(),
            "seen": asdict(self.seen),
            "events": [asdict(event) for event in self.events or ()],
        }


class RunningLedger:
    """The events of a run so far: each is written down before its version is published.

    Args:
        claim: What is promised; None where nothing is, and so no event comes.
        events: Those that a run which is resumed had entered.
        write: Replaces the ledger's file by a document.
    """

    def __init__(
        self,
        claim: Claim | None,
        events: Iterable[PrivacyEvent],
        write: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._claim = claim
        self._events = {event.version: event for event in events}
        self._write = write

    @property
    def events(self) -> tuple[PrivacyEvent, ...]:
        """In order of their versions."""
        return tuple(self._events[version] for version in sorted(self._events))

    def enter(self, event: PrivacyEvent) -> None:
        """Write an event down; one that a resumed run repeats says what it said before.

        Raises:
            InvariantError: It says something else.
        """
        before = self._events.setdefault(event.version, event)
        if before != event:
            raise InvariantError(f"version {event.version} was released as {before}, now {event}")
        assert self._claim is not None
        events = [asdict(entered) for entered in self.events]
        self._write({**_promised(self._claim), "events": events})


def read_event(row: Mapping[str, Any]) -> PrivacyEvent:
    """An event from its row in `ledger.json`."""
    refused = tuple((session, reason) for session, reason in row["refused"])
    unmasked = Unmasked(**row["unmasked"]) if row.get("unmasked") else None
    return PrivacyEvent(**{**row, "refused": refused, "unmasked": unmasked})


def _promised(claim: Claim) -> dict[str, Any]:
    """What stands in the ledger before the run."""
    return {
        "claim": asdict(claim),
        "sentence": str(claim),
        "leaves_phone": [asdict(leaving) for leaving in claim.leaves_phone],
    }
