"""What workers are asked to do: train chunks of uploads, measure an attempt, score messages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import ExperimentError, InvariantError
from gboard_sim.halves import Halves
from gboard_sim.learning.evaluation.tally import Tally
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.measured import Trained
from gboard_sim.learning.residuals import Carry, Name, send
from gboard_sim.learning.server_optimizers.optimizer import State
from gboard_sim.learning.text.batches import stint_batches, stint_steps
from gboard_sim.learning.text.store import RowSet
from gboard_sim.learning.trainers.trainer import Lesson
from gboard_sim.learning.weighted_sum import WeightedSum
from gboard_sim.learning.workshop import Workshop
from gboard_sim.protocols import Bound, Sharing
from gboard_sim.records import Attempt, Ints, Measure, Upload, Vector


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
    """

    total: npt.NDArray[np.float64]
    loss: float
    tokens: int
    losses: tuple[float, ...] = ()
    residuals: Mapping[Name, Halves] = field(default_factory=dict)
    within: int = 0
    refused: tuple[tuple[int, str], ...] = ()


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
    """

    uploads: Sequence[Upload]
    weights: Sequence[float]
    chunk: int
    carries: Sequence[Carry] = ()
    residuals: Mapping[Name, Halves] = field(default_factory=dict)
    bound: Bound | None = None
    sharing: Sharing | None = None
    makes_version: int = 0

    def versions(self) -> frozenset[int]:
        """Those from which the uploads' stints trained on."""
        return frozenset(stint.version for upload in self.uploads for stint in upload.stints)

    def work(self, workshop: Workshop) -> tuple[ChunkSum, ...]:
        """The sum of each chunk."""
        trained = _trained(workshop, self.uploads)
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
        part = slice(first, first + self.chunk)
        total = WeightedSum()
        loss, tokens, losses = 0.0, 0, []
        left: dict[Name, Halves] = {}
        within, refused = 0, []
        for place in range(*part.indices(len(self.uploads))):
            upload, weight = self.uploads[place], self.weights[place]
            update, upload_loss, upload_tokens = next(trained)
            name = (upload.phone, upload.nth)
            parameters, short = len(update), False
            if self.bound is not None:
                update, short = self.bound.on_phone(update)
            if self.sharing is not None:
                update = self.sharing.share(update, *name, self.makes_version)
            if not self.carries:
                received, size = workshop.sender(upload).transmit(update, *name)
            else:
                carry = self.carries[place]
                taken = None if carry.takes is None else held[carry.takes]
                received, size, residual = send(workshop.sender(upload), update, taken, name)
                if carry.leaves:
                    held[name] = left[name] = residual
            if size != upload.payload_bytes:
                raise InvariantError(
                    f"session {upload.session}: the fleet priced {upload.payload_bytes} bytes, "
                    f"the codec made {size}"
                )
            loss += upload_loss * upload_tokens
            tokens += upload_tokens
            losses.append(upload_loss)
            if self.bound is not None:
                try:
                    received = self.bound.on_server(received, parameters)
                except ValueError as error:
                    refused.append((upload.session, str(error)))
                    received, short = np.zeros(parameters, np.float32), False
            total.add(received, weight)
            within += short
        mean_loss = loss / max(tokens, 1)
        return ChunkSum(total.value, mean_loss, tokens, tuple(losses), left, within, tuple(refused))


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


def _trained(workshop: Workshop, attempts: Sequence[Attempt]) -> Iterator[Trained]:
    """The same as `train`, but for what was kept when it was measured."""
    kept = [workshop.measured is not None and workshop.measured.has(a.session) for a in attempts]
    new = train(workshop, [a for a, old in zip(attempts, kept, strict=True) if not old])
    for attempt, old in zip(attempts, kept, strict=True):
        if old and workshop.measured is not None:
            yield workshop.measured.read(attempt.session)
        else:
            yield next(new)


def train(workshop: Workshop, attempts: Sequence[Attempt]) -> Iterator[Trained]:
    """Replay attempts' stints from their versions, as many phones at once as are to be.

    Yields:
        Of each attempt in turn: what travels of the update, as it leaves the phone (shape [C]), the
        last stint's mean loss, and the tokens.
    """
    for first in range(0, len(attempts), workshop.phones_together):
        yield from _train_together(workshop, attempts[first : first + workshop.phones_together])


def _train_together(workshop: Workshop, attempts: Sequence[Attempt]) -> Iterator[Trained]:
    """See `train`; stints of one place in their phone's order are trained side by side."""
    fleet = workshop.rows("fleet").token_store()
    parameters = [workshop.snapshots.read(attempt.stints[0].version) for attempt in attempts]
    losses = [0.0] * len(attempts)  # the last stint's loss is the newest news
    tokens = [0] * len(attempts)
    for place in range(max(len(attempt.stints) for attempt in attempts)):
        going = [at for at, attempt in enumerate(attempts) if place < len(attempt.stints)]
        lessons = []
        for at in going:
            stint = attempts[at].stints[place]
            held = attempts[at].stints[max(place - 1, 0)].version
            if stint.version != held:  # what is not sent is carried onto a newer version
                unsent = parameters[at] - workshop.snapshots.read(held)
                parameters[at] = workshop.snapshots.read(stint.version) + unsent
            batches = stint_batches(fleet, stint, workshop.seed, workshop.spec.lane)
            steps = stint_steps(fleet, stint)
            lessons.append(Lesson(parameters[at], batches, steps, stint.local.learning_rate))
        for at, trained in zip(going, workshop.trainer.train_together(lessons), strict=True):
            parameters[at], losses[at] = trained.parameters, trained.loss
            tokens[at] += trained.tokens
    for at, attempt in enumerate(attempts):
        update = parameters[at] - workshop.snapshots.read(attempt.base)
        if not np.isfinite(update).all():
            raise ExperimentError(
                f"training.learning_rate = {attempt.stints[-1].local.learning_rate:g} is too high: "
                f"the training of session {attempt.session}, from version {attempt.base}, diverged "
                "to values that are not finite; lower it, or server.learning_rate"
            )
        sent = workshop.wire.shrink(update)
        private = workshop.mechanism.privatize(sent, attempt.phone, attempt.nth)
        yield private, losses[at], tokens[at]
