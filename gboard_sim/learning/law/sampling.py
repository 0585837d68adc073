"""Text drawn from the synthetic law, the same for a user whatever the number of users.

Every draw is keyed by the user, the user's own count of messages, and the place in the message.
"""

from dataclasses import dataclass

import numpy as np

from gboard_sim import ranges, seeds
from gboard_sim.learning.baselines.ngram_counts import Words
from gboard_sim.learning.law.law import Law
from gboard_sim.seam.records import Floats, Ints


@dataclass(frozen=True, slots=True)
class MessageCounts:
    """How many messages users write: lognormal, clipped.

    Attributes:
        mean: Mean before clipping.
        sigma: Standard deviation of the logarithm (0.8 is assumed); 0 gives every user the mean.
        least: Fewest messages of a user (assumed).
        most: Most messages of a user (assumed).
    """

    mean: float
    sigma: float = 0.8
    least: int = 10
    most: int = 1000

    def draw(self, users: int, seed: int) -> Ints:
        """The message counts of users 0 to `users` - 1. Shape [users]."""
        deviation = seeds.normals(seed, "law/messages", np.arange(users))
        drawn = self.mean * np.exp(self.sigma * deviation - self.sigma**2 / 2)
        return np.clip(np.rint(drawn), self.least, self.most).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class LawText:
    """Messages drawn from the law, in the order of their users.

    Attributes:
        user: The author of each message, ascending. Shape [n].
        topic: The topic of each message, which no model is shown. Shape [n].
        offsets: Message `i` is `words[offsets[i]:offsets[i + 1]]`. Shape [n + 1].
        words: Word ids of the law. Shape [w].
    """

    user: Ints
    topic: Ints
    offsets: Ints
    words: Words


def mixtures(law: Law, users: int, seed: int) -> Floats:
    """The topic mixtures (theta) of users 0 to `users` - 1. Shape [users, Z]."""
    parameters = law.concentration * law.topic_share
    drawn = [seeds.stream(seed, "law/mixture", user).dirichlet(parameters) for user in range(users)]
    return np.array(drawn).reshape(users, len(parameters))


def sample(law: Law, users: int, counts: MessageCounts, seed: int) -> LawText:
    """The messages of users 0 to `users` - 1."""
    written = counts.draw(users, seed)
    user = np.repeat(np.arange(users), written)
    nth = ranges.places(written)
    topic = _pick(mixtures(law, users, seed), user, seeds.uniforms(seed, "law/topic", user, nth))
    length = _pick(
        law.length_share[None],
        np.zeros(len(user), dtype=np.int64),
        seeds.uniforms(seed, "law/length", user, nth),
    )
    offsets = np.concatenate([[0], np.cumsum(length)])
    words = np.empty(offsets[-1], dtype=np.int32)
    topics, classes, width = law.word_in.shape
    class_after = _cumulative(law.class_after)
    word_in = _cumulative(law.word_in.reshape(topics * classes, width))
    previous = np.full(len(user), law.start)
    for place in range(int(length.max(initial=0))):
        live = np.flatnonzero(length > place)
        key = (user[live], nth[live], place)
        chosen = _search(class_after, previous[live], seeds.uniforms(seed, "law/class", *key))
        row = topic[live] * classes + chosen
        previous[live] = _search(word_in, row, seeds.uniforms(seed, "law/word", *key))
        words[offsets[live] + place] = previous[live]
    return LawText(user, topic, offsets, words)


def _pick(shares: Floats, row: Ints, uniform: Floats) -> Ints:
    """Draws from rows of probabilities by inversion.

    Args:
        shares: Each row sums to one. Shape [rows, choices].
        row: The row of each draw. Shape [n].
        uniform: In [0, 1). Shape [n].
    """
    return _search(_cumulative(shares), row, uniform)


def _cumulative(shares: Floats) -> Floats:
    """Rows of probabilities added up, each row above all before it. Shape [rows, choices]."""
    added: Floats = np.cumsum(shares, axis=1) + np.arange(len(shares))[:, None]
    return added


def _search(cumulative: Floats, row: Ints, uniform: Floats) -> Ints:
    """Draws as `_pick` does, all rows searched as one ascending column."""
    choices = cumulative.shape[1]
    at = np.searchsorted(cumulative.ravel(), row + uniform, side="right") - row * choices
    picked: Ints = np.minimum(at, choices - 1)
    return picked
