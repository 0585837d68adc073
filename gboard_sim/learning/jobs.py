"""What workers are asked to do: train a chunk of uploads, measure an attempt, score messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gboard_sim.errors import ExperimentError, InvariantError
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.text.batches import stint_batches
from gboard_sim.learning.text.store import RowSet
from gboard_sim.learning.workshop import Workshop
from gboard_sim.records import Attempt, Ints, LocalWork, Measure, Stint, Upload, Vector

PUBLIC = -1
"""In the place of a phone, for shuffling the public text: no phone has this number."""


@dataclass(frozen=True, slots=True)
class ChunkSum:
    """The weighted sum of a chunk's updates as the server decodes them.

    Attributes:
        total: Sum over uploads of weight times update, in float64. Shape [P].
        loss: Mean training loss per token.
        tokens: Tokens trained on.
    """

    total: npt.NDArray[np.float64]
    loss: float
    tokens: int


Result = ChunkSum | Scored | Measure


class Job(Protocol):
    """One piece of work for one worker."""

    def work(self, workshop: Workshop) -> Result:
        """Carry it out."""
        ...


@dataclass(frozen=True, slots=True)
class TrainChunk:
    """Train some uploads, make them private, send them through the codec, and add them up."""

    uploads: Sequence[Upload]
    weights: Sequence[float]

    def work(self, workshop: Workshop) -> ChunkSum:
        """The chunk's sum, added in the order of its uploads."""
        total: npt.NDArray[np.float64] | None = None
        loss, tokens = 0.0, 0
        for upload, weight in zip(self.uploads, self.weights, strict=True):
            update, upload_loss, upload_tokens = train(workshop, upload)
            payload = workshop.codec.encode(update)
            if len(payload) != upload.payload_bytes:
                raise InvariantError(
                    f"session {upload.session}: the fleet priced {upload.payload_bytes} bytes, "
                    f"the codec made {len(payload)}"
                )
            received = workshop.codec.decode(payload).astype(np.float64)
            received *= weight
            total = received if total is None else total + received
            loss += upload_loss * upload_tokens
            tokens += upload_tokens
        assert total is not None
        return ChunkSum(total, loss / max(tokens, 1), tokens)


@dataclass(frozen=True, slots=True)
class MeasureAttempt:
    """Train one attempt to learn the size and norm of what it would send."""

    attempt: Attempt

    def work(self, workshop: Workshop) -> Measure:
        """The payload's size and the update's norm, after the mechanism."""
        update, _, _ = train(workshop, self.attempt)
        size = len(workshop.codec.encode(update))
        return Measure(payload_bytes=size, norm=float(np.linalg.norm(update)))


@dataclass(frozen=True, slots=True)
class Pretrain:
    """Train the parameters first drawn on all public text, as if one phone held it.

    Attributes:
        local: Passes, batch size and learning rate.
    """

    local: LocalWork

    def work(self, workshop: Workshop) -> ChunkSum:
        """The parameters after training, as a sum of one."""
        rows = workshop.rows("public")
        stint = Stint(
            phone=PUBLIC,
            nth=0,
            version=0,
            local=self.local,
            rows=(0, rows.rows),
            tokens=len(rows.tokens) * (self.local.epochs or 0),
            began_s=0.0,
            ended_s=0.0,
        )
        batches = stint_batches(rows.token_store(), stint, workshop.seed, workshop.spec.lane)
        first = workshop.snapshots.read(0)
        trained = workshop.trainer.train(first, batches, self.local.learning_rate)
        return ChunkSum(trained.parameters.astype(np.float64), trained.loss, trained.tokens)


@dataclass(frozen=True, slots=True)
class ScoreRows:
    """Score some messages of a set at one version."""

    version: int
    name: RowSet
    rows: Ints

    def work(self, workshop: Workshop) -> Scored:
        """What the model said at every word, in the order of the rows."""
        parameters = workshop.snapshots.read(self.version)
        return workshop.scorer.score(workshop.rows(self.name), self.rows, parameters)


def train(workshop: Workshop, attempt: Attempt) -> tuple[Vector, float, int]:
    """Replay an attempt's stints from its base version.

    Returns:
        The update as it leaves the phone (shape [P]), the last stint's mean loss, and the tokens.
    """
    fleet = workshop.rows("fleet").token_store()
    start = workshop.snapshots.read(attempt.base)
    parameters, loss, tokens = start, 0.0, 0  # the last stint's loss is the newest news
    for stint in attempt.stints:
        batches = stint_batches(fleet, stint, workshop.seed, workshop.spec.lane)
        trained = workshop.trainer.train(parameters, batches, stint.local.learning_rate)
        parameters, loss = trained.parameters, trained.loss
        tokens += trained.tokens
    if not np.isfinite(parameters).all():
        raise ExperimentError(
            f"training.learning_rate = {attempt.stints[-1].local.learning_rate:g} is too high: "
            f"the training of session {attempt.session}, from version {attempt.base}, diverged "
            "to values that are not finite; lower it, or server.learning_rate"
        )
    update = workshop.mechanism.privatize(parameters - start, attempt.phone, attempt.nth)
    return update, loss, tokens
