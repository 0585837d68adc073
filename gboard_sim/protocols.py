"""What the records of the seam pass between: the learner, and what both halves are handed.

Schedules, codecs and mechanisms reach the fleet and the learning half as arguments of these types,
so that neither imports `communication` or `privacy`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from gboard_sim.records import (
    Answer,
    Attempt,
    Cohort,
    Flags,
    Floats,
    Ints,
    LocalWork,
    Measure,
    Outcome,
    PrivacyEvent,
    Unmasked,
    Vector,
)
from gboard_sim.typing_record import Typed


class Learner(Protocol):
    """The learning half as the fleet sees it.

    `answers` names what depends on weights; for the rest the fleet need not wait.
    """

    answers: frozenset[Answer]

    def typing(self) -> Typed:
        """Who typed how much, when."""
        ...

    def download_bytes(self, held: Ints, wanted: int) -> Ints:
        """Bytes from each held version (-1 for none) to `wanted`. Shape [n]."""
        ...

    def expect(self, attempts: Sequence[Attempt]) -> None:
        """A hint that these may be measured or used; may train ahead, in batches."""
        ...

    def measure(self, attempt: Attempt) -> Measure:
        """Train the attempt and measure it; waits. Asked only for what `answers` names."""
        ...

    def step(self, cohort: Cohort) -> None:
        """Hand over a closed cohort; does not wait."""
        ...

    def outcome(self, version: int) -> Outcome:
        """What came of the step that made `version`; waits."""
        ...


class Downlink(Protocol):
    """What phones download where it is not the whole model, just as the server has it."""

    def download_bytes(self, held: Ints, wanted: int) -> Ints:
        """Bytes from each held version (-1 for none) to `wanted`. Shape [n]."""
        ...

    def publish(self, published: Vector, master: Vector, version: int) -> Vector:
        """What phones hold of a version, given what they hold of the one before. Shape [P] each."""
        ...


class Schedule(Protocol):
    """When phones upload (`uploads`, asked by the fleet) and how much they train (`local`)."""

    @property
    def name(self) -> str:
        """Its name in experiment files."""
        ...

    @property
    def keeps_unsent(self) -> bool:
        """Whether a phone that was turned away, late or interrupted keeps its training."""
        ...

    @property
    def max_age(self) -> int | None:
        """Versions after which kept training is thrown away; None is never."""
        ...

    @property
    def rests(self) -> bool:
        """Whether windows without an upload are spent without training; they count as stints."""
        ...

    @property
    def rebases(self) -> bool:
        """Whether a phone downloads the newest version in every window, and trains on from there.

        What it has not sent is carried onto that version.
        """
        ...

    def uploads(self, stints: Ints) -> Flags:
        """Whether the next window ends in an upload, given the stints already kept. Shape [n]."""
        ...

    def local(self, version: int) -> tuple[LocalWork, ...]:
        """The local work of each phone class in a cycle that starts from `version`."""
        ...


Memory = tuple[float, ...]
"""What a schedule remembers from one version to the next; empty before the first."""


@runtime_checkable
class Adaptive(Protocol):
    """A schedule that the learner asks for local work, since it depends on the loss."""

    def adapt(
        self, memory: Memory, version: int, loss: float
    ) -> tuple[Memory, tuple[LocalWork, ...]]:
        """What to remember, and the local work of each class in cycles that start from `version`.

        Asked of every version in order, with the mean training loss of the cohort that made it.
        """
        ...


@runtime_checkable
class Sized(Protocol):
    """A schedule that depends on how large an upload is."""

    def sized(self, payload_bytes: int) -> Schedule:
        """The schedule for uploads of that size."""
        ...


@runtime_checkable
class Triggered(Protocol):
    """A schedule whose phones look at their update before they send it, or do not."""

    @property
    def looks_at(self) -> str:
        """What it asks of an update: `norm` or `sign_agreement`, a field of `records.Measure`."""
        ...

    def sends(self, version: int, base: Ints, stints: Ints, found: Floats) -> Flags:
        """Which of some phones send. Shape [n].

        Args:
            version: The server's version.
            base: The version that each update is measured from. Shape [n].
            stints: Stints of each phone's cycle, the one just trained included. Shape [n].
            found: What was found of each update. Shape [n].
        """
        ...


class Codec(Protocol):
    """How an update becomes bytes, and back.

    What a codec draws at random is keyed by the experiment's seed, the phone, and the phone's own
    count of payloads before this one, `nth`; a receiver needs nothing but the payload.
    """

    @property
    def name(self) -> str:
        """Its name in experiment files."""
        ...

    @property
    def size(self) -> Literal["fixed", "measured"]:
        """`fixed` when it follows from the number of parameters, else `measured`."""
        ...

    def payload_bytes(self, parameters: int) -> int:
        """Size of the encoding of `parameters` numbers, header included (fixed codecs)."""
        ...

    def encode(self, update: Vector, phone: int, nth: int) -> bytes:
        """The bytes that leave the sender."""
        ...

    def decode(self, payload: bytes) -> Vector:
        """The update that the receiver reads. Raises ValueError on a damaged payload."""
        ...

    def transmit(self, update: Vector, phone: int, nth: int) -> tuple[Vector, int]:
        """What the receiver reads of an update, and its payload's size, as `decode` of `encode`.

        A simulation need not make the bytes, nor check them for damage, where it knows both.
        """
        ...


@runtime_checkable
class Answered(Protocol):
    """A codec whose senders are sent something before they can encode, such as others' keys."""

    @property
    def answer_bytes(self) -> int:
        """Bytes that each sender receives."""
        ...


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
