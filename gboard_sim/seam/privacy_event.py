"""What the ledger keeps of a step: the mechanism that ran, on what, with how much noise."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unmasked:
    """What secure aggregation took for one sum, where it was carried out.

    Attributes:
        phones: That were selected together.
        sent: Whose masked numbers are in the sum.
        uplink_bytes: That those sent: keys, sealed shares, masked numbers, and shares told.
        downlink_bytes: That they were sent: the others' keys and sealed shares.
        lost_uplink_bytes: Of the other phones.
        lost_downlink_bytes: To the other phones.
    """

    phones: int
    sent: int
    uplink_bytes: int
    downlink_bytes: int
    lost_uplink_bytes: int
    lost_downlink_bytes: int


@dataclass(frozen=True, slots=True)
class PrivacyEvent:
    """One mechanism that really ran, as the ledger keeps it.

    Attributes:
        mechanism: Its name in the catalogue of mechanisms.
        version: The version whose making it was part of.
        releases: How many phones' payloads (local) or sums (central) it covered.
        noise_multiplier: Standard deviation of the noise over the clip norm.
        clip: The L2 clip norm.
        deviation: Standard deviation of the noise on each number of the sum; None where each
            payload has its own.
        applied: Root mean square of the noise that was added to the numbers of the sum; None where
            nobody has it alone.
        numbers: How many there were.
        refused: Sessions whose uploads the server left out, each with the reason.
        unmasked: What came from under masks; None where nothing was masked.
    """

    mechanism: str
    version: int
    releases: int
    noise_multiplier: float
    clip: float
    deviation: float | None = None
    applied: float | None = None
    numbers: int | None = None
    refused: tuple[tuple[int, str], ...] = ()
    unmasked: Unmasked | None = None
