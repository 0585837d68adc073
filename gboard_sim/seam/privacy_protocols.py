"""What both halves are handed for privacy: mechanisms on phones and at the server, and masks.

They reach the learning half as arguments of these types, so that it never imports `privacy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from gboard_sim.seam.privacy_event import PrivacyEvent, Unmasked
from gboard_sim.seam.records import Floats, Ints, Vector


class Mechanism(Protocol):
    """What makes an update private before it is encoded."""

    @property
    def name(self) -> str:
        """Its name in experiment files."""
        ...

    def privatize(self, update: Vector, phone: int, nth: int) -> Vector:
        """The update as it leaves the phone; the noise is keyed by the phone's own count."""
        ...

    def event(self, version: int, releases: int) -> PrivacyEvent | None:
        """The ledger's entry for a step, or None where nothing is claimed."""
        ...


class Bound(Protocol):
    """How much one upload can say: the phone clips to it, and the server clips what it decodes."""

    def on_phone(self, update: Vector) -> tuple[Vector, bool]:
        """The update as the phone encodes it, and whether it was short enough as it was."""
        ...

    def on_server(self, received: Vector, parameters: int) -> Vector:
        """What the server adds of an update of which it wants so many numbers.

        Raises:
            ValueError: It cannot be what an honest phone sent, and counts for nothing.
        """
        ...


@runtime_checkable
class Sharing(Protocol):
    """A mechanism of which phones add shares to a sum, instead of their updates."""

    def share(self, clipped: Vector, phone: int, nth: int, version: int) -> Vector:
        """What a phone adds to the sum that makes `version`; keyed by its own count of payloads."""
        ...


class Masker(Protocol):
    """A phone that hides what it adds to a sum behind masks, which cancel in the whole sum."""

    def masked(self, numbers: Ints) -> Ints:
        """Whole numbers of the sum's ring, which tell nobody anything of those given. Shape [n]."""
        ...


class MaskedSum(Protocol):
    """One cohort's sum: its phones until workers play them, and the server to the end."""

    def phone(self, place: int) -> Masker:
        """One of the phones, whose places are 1, 2, ..."""
        ...

    def add(self, place: int, masked: Ints, payload_bytes: int) -> None:
        """Take what the server read of a phone's payload. Shape [n]."""
        ...

    def refuse(self, place: int, payload_bytes: int) -> None:
        """Count a payload that cannot be read; its phone is not in the sum."""
        ...

    def unmask(self) -> Ints:
        """The sum of what phones hid, in the ring, once. Shape [n].

        Raises:
            ValueError: Too few phones sent theirs; nothing was learned of any of them.
        """
        ...

    @property
    def record(self) -> Unmasked:
        """What it took."""
        ...


class Masking(Protocol):
    """Secure aggregation, carried out."""

    def begin(self, version: int, phones: int) -> MaskedSum:
        """The sum that makes `version`, of phones that were configured together."""
        ...


MechanismState = Mapping[str, Floats]
"""What a server's mechanism remembers from one version to the next; checkpoints keep it."""


@dataclass(frozen=True, slots=True)
class Summed:
    """What a server knows of a cohort whose uploads it has bounded and added up.

    Attributes:
        version: The version that is made of it.
        total: The sum of weight times update; the release may change it in place. Shape [P].
        uploads: How many are in the sum.
        within: How many of them were short enough before the phone clipped them.
        refused: Sessions of the others, each with the reason.
    """

    version: int
    total: Floats
    uploads: int
    within: int
    refused: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Released:
    """What a server's mechanism lets out of a cohort.

    Attributes:
        mean: The noised sum over the mechanism's denominator, fixed or the public number of
            uploads that it holds. Shape [C].
        state: What to remember.
        event: The ledger's entry.
    """

    mean: Floats
    state: MechanismState
    event: PrivacyEvent


class ServerMechanism(Protocol):
    """What makes a sum private: a server that is trusted with the updates in it, or shares."""

    @property
    def name(self) -> str:
        """Its name in experiment files."""
        ...

    @property
    def adapts(self) -> bool:
        """Whether the bound of a version depends on the version before."""
        ...

    def start(self) -> MechanismState:
        """What it remembers before the first version."""
        ...

    def bound(self, state: MechanismState) -> Bound:
        """What bounds the uploads of the version that follows a state."""
        ...

    def release(self, state: MechanismState, summed: Summed) -> Released:
        """What may be used of a cohort; `state` is not changed."""
        ...
