"""What the records of the seam pass between: the learner, and what both halves are handed.

Schedules and codecs reach the fleet and the learning half as arguments of these types, and so do
mechanisms (`privacy_protocols`), so that neither imports `communication` or `privacy`.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from gboard_sim.seam.records import (
    Answer,
    Attempt,
    Cohort,
    Flags,
    Floats,
    Ints,
    LocalWork,
    Measure,
    Outcome,
    Vector,
)
from gboard_sim.seam.typing_record import Typed


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
