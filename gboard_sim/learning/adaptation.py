"""Personal adaptation: a phone goes on training the model it has on its own user's text.

Nothing is sent. The user's earlier messages are trained on with the graph that phones train with,
and the model is judged on the same user's later messages, before and after. Only people whom the
model has never seen are asked: neither version nor adaptation was trained on what judges it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gboard_sim import seeds
from gboard_sim.learning.text.packing import Batch
from gboard_sim.learning.text.store import TextRows
from gboard_sim.learning.workshop import Workshop
from gboard_sim.seam.records import Flags, Ints, Vector

BATCH = 8
"""Messages in a step (assumed)."""

LEARNING_RATES = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Step sizes that are chosen from, beside none at all (assumed)."""

LEAST_EARLIER = 20
"""Messages of a person to train on (assumed)."""

LEAST_LATER = 50
"""Words of a person to judge on (assumed): fewer hardly tell help from luck."""


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One user's messages.

    Attributes:
        owner: The owner in the rows.
        earlier: Rows to train on.
        later: Rows to judge on.
    """

    owner: int
    earlier: Ints
    later: Ints


@dataclass(frozen=True, slots=True)
class Adapted:
    """One user before and after.

    Attributes:
        words: Words judged on.
        before: Those in the strip of three before.
        after: Those in it after.
    """

    words: int
    before: int
    after: int


def people(rows: TextRows, most: int) -> list[Person]:
    """The first people with enough text, at most `most`."""
    lengths = np.diff(rows.word_offsets)
    found = []
    for owner, (first, end) in enumerate(zip(rows.first[:-1], rows.first[1:], strict=True)):
        own = np.arange(first, end)
        earlier, later = own[~rows.later[own]], own[rows.later[own]]
        if len(earlier) >= LEAST_EARLIER and lengths[later].sum() >= LEAST_LATER:
            found.append(Person(owner, earlier, later))
        if len(found) == most:
            break
    return found


def hits(
    workshop: Workshop, rows: TextRows, known: Flags, person: Person, parameters: Vector
) -> int:
    """Words of a person's later messages that are in the strip of three.

    Args:
        workshop: The model's tools.
        rows: The set's rows.
        known: Which lexicon words may be shown. Shape [lexicon].
        person: The person.
        parameters: The model. Shape [P].
    """
    shown = workshop.scorer.score(rows, person.later, parameters).shown
    words = np.concatenate(
        [rows.words[rows.word_offsets[row] : rows.word_offsets[row + 1]] for row in person.later]
    )
    return int(((shown == words[:, None]).any(axis=1) & known[words]).sum())


def adapted(
    workshop: Workshop, rows: TextRows, person: Person, parameters: Vector, learning_rate: float
) -> Vector:
    """The parameters after one pass over a person's earlier messages. Shape [P].

    Args:
        workshop: The model's tools.
        rows: The set's rows.
        person: The person.
        parameters: The model that the phone has. Shape [P].
        learning_rate: The step size.
    """
    batches = _batches(workshop, rows, person)
    return workshop.trainer.train(parameters, batches, learning_rate).parameters


def before_and_after(
    workshop: Workshop,
    rows: TextRows,
    known: Flags,
    chosen: Sequence[Person],
    parameters: Vector,
    learning_rates: Sequence[float],
) -> list[list[Adapted]]:
    """Each person at each step size; the arguments are those of `hits` and `adapted`."""
    lengths = np.diff(rows.word_offsets)
    found = []
    for person in chosen:
        words = int(lengths[person.later].sum())
        before = hits(workshop, rows, known, person, parameters)
        own = []
        for rate in learning_rates:
            after = adapted(workshop, rows, person, parameters, rate)
            own.append(Adapted(words, before, hits(workshop, rows, known, person, after)))
        found.append(own)
    return found


def _batches(workshop: Workshop, rows: TextRows, person: Person) -> Iterator[Batch]:
    """One shuffled pass."""
    keys = seeds.uniforms(workshop.seed, "adaptation", person.owner, person.earlier)
    order = person.earlier[np.argsort(keys, kind="stable")]
    store = rows.token_store()
    for start in range(0, len(order), BATCH):
        yield store.pack(order[start : start + BATCH], workshop.spec.lane)
