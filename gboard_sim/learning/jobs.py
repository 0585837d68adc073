"""What workers are asked to do: train chunks of uploads, measure an attempt, score messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import ExperimentError, InvariantError
from gboard_sim.learning.evaluation.tally import Tally
from gboard_sim.learning.evaluation.word_scorer import Scored
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
        total: Sum over uploads of weight times update, in float64. Shape [P].
        loss: Mean training loss per token.
        tokens: Tokens trained on.
        losses: Mean training loss per token of each upload's last stint, NaN where there was none.
        within: Uploads that were within the bound before their phone clipped them.
        refused: Sessions of uploads that the server left out, each with the reason.
    """

    total: npt.NDArray[np.float64]
    loss: float
    tokens: int
    losses: tuple[float, ...] = ()
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
        bound: What an upload may say at most; None lets it be.
        sharing: Turns updates into shares of a sum; None leaves them updates.
        makes_version: The version of that sum.
    """

    uploads: Sequence[Upload]
    weights: Sequence[float]
    chunk: int
    bound: Bound | None = None
    sharing: Sharing | None = None
    makes_version: int = 0

    def versions(self) -> frozenset[int]:
        """Those from which the uploads started."""
        return frozenset(upload.base for upload in self.uploads)

    def work(self, workshop: Workshop) -> tuple[ChunkSum, ...]:
        """The sum of each chunk."""
        trained = train(workshop, self.uploads)
        firsts = range(0, len(self.uploads), self.chunk)
        return tuple(self._added_up(workshop, first, trained) for first in firsts)

    def _added_up(
        self, workshop: Workshop, first: int, trained: Iterator[tuple[Vector, float, int]]
    ) -> ChunkSum:
        """The sum of the chunk that begins with one upload, added in the order of its uploads."""
        part = slice(first, first + self.chunk)
        total = WeightedSum()
        loss, tokens, losses = 0.0, 0, []
        within, refused = 0, []
        for upload, weight in zip(self.uploads[part], self.weights[part], strict=True):
            update, upload_loss, upload_tokens = next(trained)
            parameters, short = len(update), False
            if self.bound is not None:
                update, short = self.bound.on_phone(update)
            if self.sharing is not None:
                update = self.sharing.share(update, upload.phone, upload.nth, self.makes_version)
            received, size = workshop.codec.transmit(update, upload.phone, upload.nth)
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
        return ChunkSum(total.value, mean_loss, tokens, tuple(losses), within, tuple(refused))


@dataclass(frozen=True, slots=True)
class MeasureAttempt:
    """Train one attempt to learn the size and norm of what it would send."""

    attempt: Attempt

    def versions(self) -> frozenset[int]:
        """The one from which the attempt starts."""
        return frozenset((self.attempt.base,))

    def work(self, workshop: Workshop) -> Measure:
        """The payload's size and the update's norm, after the mechanism."""
        [(update, _, _)] = train(workshop, [self.attempt])
        _, size = workshop.codec.transmit(update, self.attempt.phone, self.attempt.nth)
        return Measure(payload_bytes=size, norm=float(np.linalg.norm(update)))


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


def train(workshop: Workshop, attempts: Sequence[Attempt]) -> Iterator[tuple[Vector, float, int]]:
    """Replay attempts' stints from their base versions, as many phones at once as are to be.

    Yields:
        Of each attempt in turn: the update as it leaves the phone (shape [P]), the last stint's
        mean loss, and the tokens.
    """
    for first in range(0, len(attempts), workshop.phones_together):
        yield from _train_together(workshop, attempts[first : first + workshop.phones_together])


def _train_together(
    workshop: Workshop, attempts: Sequence[Attempt]
) -> Iterator[tuple[Vector, float, int]]:
    """See `train`; stints of one place in their phone's order are trained side by side."""
    fleet = workshop.rows("fleet").token_store()
    parameters = [workshop.snapshots.read(attempt.base) for attempt in attempts]
    losses = [0.0] * len(attempts)  # the last stint's loss is the newest news
    tokens = [0] * len(attempts)
    for place in range(max(len(attempt.stints) for attempt in attempts)):
        going = [at for at, attempt in enumerate(attempts) if place < len(attempt.stints)]
        lessons = []
        for at in going:
            stint = attempts[at].stints[place]
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
        private = workshop.mechanism.privatize(update, attempt.phone, attempt.nth)
        yield private, losses[at], tokens[at]
