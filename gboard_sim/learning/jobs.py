"""What workers are asked to do: train chunks of uploads, measure an attempt, score messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import InvariantError
from gboard_sim.halves import Halves
from gboard_sim.learning.evaluation.tally import Tally
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.local_training import kept_or_trained, train
from gboard_sim.learning.measured import Trained
from gboard_sim.learning.residuals import Carry, Name, send
from gboard_sim.learning.server_optimizers.optimizer import State
from gboard_sim.learning.text.store import RowSet
from gboard_sim.learning.weighted_sum import WeightedSum
from gboard_sim.learning.workshop import Workshop
from gboard_sim.seam.privacy_protocols import Bound, Masker, Sharing
from gboard_sim.seam.records import Attempt, Ints, Measure, Upload, Vector


@dataclass(frozen=True, slots=True)
class ChunkSum:
    """The weighted sum of a chunk's updates as the server decodes them.

    Attributes:
        total: Sum over uploads of weight times what travels of the update, in float64. Shape [C].
        loss: Mean training loss per token.
        tokens: Tokens trained on.
        losses: Mean training loss per token of each upload's last stint, NaN where there was none.
        residuals: What the chunk's payloads left that may be taken later. Shape [C] each.
        within: Uploads that were within the bound before their phone clipped them.
        refused: Sessions of uploads that the server left out, each with the reason.
        masked: The payloads, one by one, where they are behind masks; the sum is then of none.
    """

    total: npt.NDArray[np.float64]
    loss: float
    tokens: int
    losses: tuple[float, ...] = ()
    residuals: Mapping[Name, Halves] = field(default_factory=dict)
    within: int = 0
    refused: tuple[tuple[int, str], ...] = ()
    masked: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Stretched:
    """What training in one place came to.

    Attributes:
        parameters: The new parameters. Shape [P].
        optimizer: The optimiser's state with them.
        loss: Mean training loss per token.
        tokens: Tokens trained on.
    """

    parameters: Vector
    optimizer: State
    loss: float
    tokens: int


Result = tuple[ChunkSum, ...] | Stretched | Scored | Tally | Measure


class Job(Protocol):
    """One piece of work for one worker."""

    def versions(self) -> frozenset[int]:
        """The published versions that it reads."""
        ...

    def work(self, workshop: Workshop) -> Result:
        """Carry it out."""
        ...


@dataclass(frozen=True, slots=True)
class TrainChunks:
    """Train some uploads, make them private, send them through the codec, and add up each chunk.

    Attributes:
        uploads: Those of one chunk after another.
        weights: What each counts.
        chunk: Uploads in a chunk; the last may have fewer.
        carries: What each upload has to do with residuals; none without error feedback.
        residuals: Those that uploads take from before this job. Shape [C] each.
        bound: What an upload may say at most; None lets it be.
        sharing: Turns updates into shares of a sum; None leaves them updates.
        makes_version: The version of that sum.
        maskers: Each upload's phone, which hides its share behind masks; none where shares are
            added up here.
    """

    uploads: Sequence[Upload]
    weights: Sequence[float]
    chunk: int
    carries: Sequence[Carry] = ()
    residuals: Mapping[Name, Halves] = field(default_factory=dict)
    bound: Bound | None = None
    sharing: Sharing | None = None
    makes_version: int = 0
    maskers: Sequence[Masker] = ()

    def versions(self) -> frozenset[int]:
        """Those from which the uploads' stints trained on."""
        return frozenset(stint.version for upload in self.uploads for stint in upload.stints)

    def work(self, workshop: Workshop) -> tuple[ChunkSum, ...]:
        """The sum of each chunk."""
        trained = kept_or_trained(workshop, self.uploads)
        firsts = range(0, len(self.uploads), self.chunk)
        held = dict(self.residuals)
        return tuple(self._added_up(workshop, first, trained, held) for first in firsts)

    def _added_up(
        self,
        workshop: Workshop,
        first: int,
        trained: Iterator[Trained],
        held: dict[Name, Halves],
    ) -> ChunkSum:
        """The sum of the chunk that begins with one upload, added in the order of its uploads."""
        total = WeightedSum()
        loss, tokens, losses = 0.0, 0, []
        left: dict[Name, Halves] = {}
        within, refused, masked = 0, [], []
        for place in range(first, min(first + self.chunk, len(self.uploads))):
            update, upload_loss, upload_tokens = next(trained)
            loss += upload_loss * upload_tokens
            tokens += upload_tokens
            losses.append(upload_loss)
            numbers, short = len(update), False
            if self.bound is not None:
                update, short = self.bound.on_phone(update)
            if self.maskers:
                masked.append(self._hidden(workshop, place, update))
                within += short
                continue
            received = self._sent(workshop, place, update, held, left)
            if self.bound is not None:
                try:
                    received = self.bound.on_server(received, numbers)
                except ValueError as error:
                    refused.append((self.uploads[place].session, str(error)))
                    received, short = np.zeros(numbers, np.float32), False
            total.add(received, self.weights[place])
            within += short
        return ChunkSum(
            total=np.zeros(0) if self.maskers else total.value,
            loss=loss / max(tokens, 1),
            tokens=tokens,
            losses=tuple(losses),
            residuals=left,
            within=within,
            refused=tuple(refused),
            masked=tuple(masked),
        )

    def _hidden(self, workshop: Workshop, place: int, update: Vector) -> bytes:
        """An upload's payload behind its masks: all that leaves a worker of one phone alone."""
        assert self.sharing is not None
        upload = self.uploads[place]
        share = self.sharing.share(update, upload.phone, upload.nth, self.makes_version)
        numbers = self.maskers[place].masked(share.astype(np.int64)).astype(np.float32)
        _check_price(upload, workshop.codec.payload_bytes(len(numbers)))
        return workshop.codec.encode(numbers, upload.phone, upload.nth)

    def _sent(
        self,
        workshop: Workshop,
        place: int,
        update: Vector,
        held: dict[Name, Halves],
        left: dict[Name, Halves],
    ) -> Vector:
        """What the server decodes of an upload; what it leaves is held, for the phone's next."""
        upload = self.uploads[place]
        name, sender = (upload.phone, upload.nth), workshop.sender(upload)
        if self.sharing is not None:
            update = self.sharing.share(update, *name, self.makes_version)
        if not self.carries:
            received, size = sender.transmit(update, *name)
        else:
            carry = self.carries[place]
            taken = None if carry.takes is None else held[carry.takes]
            received, size, residual = send(sender, update, taken, name)
            if carry.leaves:
                held[name] = left[name] = residual
        _check_price(upload, size)
        return received


def _check_price(upload: Upload, size: int) -> None:
    if size != upload.payload_bytes:
        raise InvariantError(
            f"session {upload.session}: the fleet priced {upload.payload_bytes} bytes, "
            f"the codec made {size}"
        )


@dataclass(frozen=True, slots=True)
class MeasureAttempt:
    """Train one attempt to learn what timing needs of it.

    Attributes:
        attempt: The attempt.
        compares: Whether its signs are compared with those of the step that made its base.
        keeps: Whether what is trained is kept for the cohort that may use it.
    """

    attempt: Attempt
    compares: bool = False
    keeps: bool = False

    def versions(self) -> frozenset[int]:
        """Those from which its stints trained on, and the one before its base."""
        compared = {max(self.attempt.base - 1, 0)} if self.compares else set()
        return frozenset(stint.version for stint in self.attempt.stints) | compared

    def work(self, workshop: Workshop) -> Measure:
        """The payload's size, and the update's norm and signs, after the mechanism."""
        attempt = self.attempt
        [trained] = train(workshop, [attempt])
        if self.keeps and workshop.measured is not None:
            workshop.measured.write(attempt.session, trained)
        update = trained[0]
        _, size = workshop.sender(attempt).transmit(update, attempt.phone, attempt.nth)
        agreement = None
        if self.compares:
            after, before = (
                workshop.snapshots.read(max(version, 0))
                for version in (attempt.base, attempt.base - 1)
            )
            step = workshop.wire.shrink(after - before)
            agreement = float(np.mean(np.sign(update) == np.sign(step)))
        norm = float(np.linalg.norm(update))
        return Measure(payload_bytes=size, norm=norm, sign_agreement=agreement)


@dataclass(frozen=True, slots=True)
class ScoreRows:
    """Score some messages of a set at one version."""

    version: int
    name: RowSet
    rows: Ints

    def versions(self) -> frozenset[int]:
        """The one that is judged."""
        return frozenset((self.version,))

    def work(self, workshop: Workshop) -> Scored:
        """What the model said at every word, in the order of the rows."""
        parameters = workshop.snapshots.read(self.version)
        return workshop.scorer.score(workshop.rows(self.name), self.rows, parameters)
