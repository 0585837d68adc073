"""The four sets of users, drawn by a hash of the name, and what of their text is kept for later.

A user's set depends on the name and the shares alone: neither on the experiment's seed nor on who
else is in the corpus, so nobody changes sides as a corpus grows.
"""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from gboard_sim.errors import CorpusError
from gboard_sim.learning.text.corpus import Corpus
from gboard_sim.seam.records import Flags, Ints

_SALT = b"gboard_sim user sets"  # any fixed bytes; other bytes are another division


@dataclass(frozen=True, slots=True)
class UserSets:
    """Disjoint sets of users, each in the order of the users' hashes: as good as shuffled.

    Attributes:
        public: Whose text anyone may read: vocabulary, tokenizer, pre-training.
        training: One phone each, in this order: a smaller fleet is a part of a larger one.
        validation: On whom every choice is made.
        test: On whom the headline is read, once.
    """

    public: Ints
    training: Ints
    validation: Ints
    test: Ints

    def fleet(self, phones: int, source: str) -> Ints:
        """The users behind the phones of a fleet. Shape [phones].

        Raises:
            CorpusError: There are fewer training users than phones.
        """
        if phones > len(self.training):
            raise CorpusError(
                f"{source}: fleet.phones={phones} exceeds the {len(self.training)} training users "
                f"of the corpus; allowed: 1 to {len(self.training)}; hint: one training user is "
                "one phone: lower `fleet.phones` or `text.public_share`, or take a larger corpus"
            )
        return self.training[:phones]


def divide(
    corpus: Corpus,
    *,
    public_share: float,
    validation_share: float,
    test_share: float,
    min_messages: int = 1,
) -> UserSets:
    """Divide the users of a corpus.

    Args:
        corpus: The corpus.
        public_share: Share of the users expected in the public set.
        validation_share: The same for validation.
        test_share: The same for test; the rest are training users.
        min_messages: Users with fewer messages are in no set.

    Raises:
        CorpusError: A set that was asked for has no user.
    """
    # The high half of the hash chooses the set and the low half the order within it.
    salted = blake2b(_SALT, digest_size=16)
    digests = []
    for name in corpus.users:
        digest = salted.copy()
        digest.update(name.encode(errors="surrogatepass"))
        digests.append(digest.digest())
    halves = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
    place = halves[:, 0] * 2.0**-64
    edges = np.cumsum([public_share, validation_share, test_share])
    chosen = np.searchsorted(edges, place, side="right")
    chosen[np.diff(corpus.first()) < min_messages] = -1
    order = np.argsort(halves[:, 1], kind="stable")
    public, validation, test, training = (order[chosen[order] == n] for n in range(4))
    wanted = {
        "public": (public, public_share),
        "validation": (validation, validation_share),
        "test": (test, test_share),
        "training": (training, 1.0 - edges[-1]),
    }
    for name, (users, share) in wanted.items():
        if share > 0.0 and not len(users):
            raise CorpusError(
                f"{corpus.source}: no user for the {name} set among {len(corpus.users)} users "
                f"with at least text.min_messages={min_messages} messages; allowed: at least one "
                f"user in each set with a share; hint: raise `text.{name}_share` (now {share:g}), "
                "or take a corpus with more users"
            )
    return UserSets(public, training, validation, test)


def later(corpus: Corpus, held_out_share: float) -> Flags:
    """Which messages are among the latest of their user, never to be trained on. Shape [messages].

    Of a user's n messages the last `floor(held_out_share * n)` are; at a share of 20% a user with
    fewer than five messages holds nothing back and trains on all of them.
    """
    first = corpus.first()
    sizes = np.diff(first)
    # The small constant undoes rounding: 0.07 * 100 must hold out seven, not six.
    kept = sizes - np.floor(held_out_share * sizes + 1e-9).astype(np.int64)
    return np.arange(corpus.messages) - first[corpus.user] >= kept[corpus.user]
