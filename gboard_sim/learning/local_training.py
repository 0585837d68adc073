"""What phones do: the training of attempts, stint by stint from the versions they started from."""

from collections.abc import Iterator, Sequence

import numpy as np

from gboard_sim.errors import ExperimentError
from gboard_sim.learning.measured import Trained
from gboard_sim.learning.text.batches import stint_batches, stint_steps
from gboard_sim.learning.trainers.trainer import Lesson
from gboard_sim.learning.workshop import Workshop
from gboard_sim.seam.records import Attempt, Stint


def kept_or_trained(workshop: Workshop, attempts: Sequence[Attempt]) -> Iterator[Trained]:
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
            batches = workshop.unit_dropout.on(batches, stint.phone, stint.nth)
            steps = stint_steps(fleet, stint)
            lessons.append(Lesson(parameters[at], batches, steps, stint.local.learning_rate))
        for at, trained in zip(going, workshop.trainer.train_together(lessons), strict=True):
            parameters[at], losses[at] = trained.parameters, trained.loss
            tokens[at] += trained.tokens
    for at, attempt in enumerate(attempts):
        update = parameters[at] - workshop.snapshots.read(attempt.base)
        if not np.isfinite(update).all():
            raise diverged(
                attempt.stints[-1], f"of session {attempt.session}, from version {attempt.base},"
            )
        sent = workshop.wire.shrink(update)
        private = workshop.mechanism.privatize(sent, attempt.phone, attempt.nth)
        yield private, losses[at], tokens[at]


def diverged(stint: Stint, whose: str) -> ExperimentError:
    """That the training of a stint and those before it came to values that are not finite."""
    return ExperimentError(
        f"training.learning_rate = {stint.local.learning_rate:g} is too high: the training {whose} "
        "diverged to values that are not finite; lower it, or server.learning_rate"
    )
