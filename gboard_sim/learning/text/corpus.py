"""A corpus: who typed which words when, in columns."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gboard_sim import ranges
from gboard_sim.seam.records import Floats, Ints

WordIds = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Messages sorted by user, then time, then order in the source; none is without words.

    Attributes:
        source: The file or law that the text came from, for messages and the report.
        lexicon: The distinct words; word ids index it.
        users: Names, ascending.
        user: The user of each message, as an index into `users`, ascending. Shape [messages].
        time_s: Seconds since 1970 in UTC, NaN where the source has none; a user's messages
            without a time stand after those with one. Shape [messages].
        offsets: Message `m` is `words[offsets[m]:offsets[m + 1]]`. Shape [messages + 1].
        words: Word ids of all messages. Shape [words].
    """

    source: str
    lexicon: tuple[str, ...]
    users: tuple[str, ...]
    user: WordIds
    time_s: Floats
    offsets: Ints
    words: WordIds

    @property
    def messages(self) -> int:
        """Number of messages."""
        return len(self.user)

    def first(self) -> Ints:
        """User `u` owns messages `first[u]:first[u + 1]`. Shape [users + 1]."""
        return np.searchsorted(self.user, np.arange(len(self.users) + 1)).astype(np.int64)

    def messages_of(self, users: Ints) -> tuple[Ints, Ints]:
        """The messages of some users, one user after another.

        Args:
            users: User numbers. Shape [n].

        Returns:
            Where each user's begin, of shape [n + 1], and the message numbers.
        """
        bounds = self.first()
        counts = np.diff(bounds)[users]
        first = np.concatenate([[0], np.cumsum(counts)])
        return first, ranges.owned(bounds, users)

    def ids_of(self, words: Iterable[str]) -> WordIds:
        """The ids of words; -1 for a word that nobody typed."""
        index = {word: number for number, word in enumerate(self.lexicon)}
        return np.array([index.get(word, -1) for word in words], np.int32)

    def gather(self, messages: Ints) -> tuple[WordIds, Ints]:
        """The words of some messages, in the order asked.

        Args:
            messages: Message numbers. Shape [n].

        Returns:
            Their word ids in one array, and the offsets of each, of shape [n + 1].
        """
        lengths = np.diff(self.offsets)[messages]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return self.words[ranges.owned(self.offsets, messages)], offsets

    def counts(self, messages: Ints) -> Ints:
        """How often each word of the lexicon stands in some messages. Shape [len(lexicon)]."""
        return np.bincount(self.gather(messages)[0], minlength=len(self.lexicon))


def arrange(
    *,
    source: str,
    lexicon: tuple[str, ...],
    users: tuple[str, ...],
    user: npt.NDArray[np.integer],
    time_s: Floats,
    offsets: Ints,
    words: WordIds,
) -> Corpus:
    """Make a corpus of messages in any order, leaving out wordless messages and textless users.

    Args:
        source: See `Corpus`.
        lexicon: See `Corpus`.
        users: Distinct names, in any order.
        user: The user of each message, as an index into `users`. Shape [messages].
        time_s: See `Corpus`; in the source's order, as all that follows.
        offsets: See `Corpus`.
        words: See `Corpus`.
    """
    worded = np.flatnonzero(np.diff(offsets))
    present = np.unique(user[worded])
    names = [users[u] for u in present]
    by_name = sorted(range(len(names)), key=names.__getitem__)
    rank = np.zeros(len(users), np.int32)
    rank[present[by_name]] = np.arange(len(present))
    new_user = rank[user[worded]]
    order = np.lexsort((time_s[worded], new_user))  # stable, and NaN sorts last
    kept = worded[order]
    unsorted = Corpus(source, lexicon, users, new_user, time_s, offsets, words)
    sorted_words, sorted_offsets = unsorted.gather(kept)
    return Corpus(
        source=source,
        lexicon=lexicon,
        users=tuple(names[i] for i in by_name),
        user=new_user[order],
        time_s=time_s[kept],
        offsets=sorted_offsets,
        words=sorted_words,
    )
