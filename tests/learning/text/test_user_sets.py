import hashlib
from fractions import Fraction

import numpy as np
import pytest

from gboard_sim.errors import CorpusError
from gboard_sim.learning.text.corpus import arrange
from gboard_sim.learning.text.user_sets import divide, later

SHARES = {"public_share": 0.2, "validation_share": 0.1, "test_share": 0.1}


def corpus_of(sizes):
    users = tuple(sizes)
    user = np.repeat(np.arange(len(users)), list(sizes.values()))
    return arrange(
        source="hand.jsonl",
        lexicon=("hello",),
        users=users,
        user=user,
        time_s=np.arange(len(user), dtype=np.float64),
        offsets=np.arange(len(user) + 1),
        words=np.zeros(len(user), np.int32),
    )


def names(corpus, users):
    return {corpus.users[user] for user in users}


def each(sets):
    return (sets.public, sets.training, sets.validation, sets.test)


def test_sets_are_disjoint_cover_everybody_and_have_about_their_shares():
    sets = divide(corpus_of({f"user{n}": 1 for n in range(5000)}), **SHARES)
    everybody = np.concatenate(each(sets))
    assert sorted(everybody.tolist()) == list(range(5000))
    # Binomial: standard deviations of 28, 35, 21 and 21 users; five of them.
    for users, share, within in zip(
        each(sets), (0.2, 0.6, 0.1, 0.1), (141, 173, 106, 106), strict=True
    ):
        assert abs(len(users) - 5000 * share) < within


def test_nobody_changes_sides_or_order_as_the_corpus_grows():
    few = corpus_of({f"user{n}": 1 for n in range(0, 600, 2)})
    many = corpus_of({f"user{n}": 3 for n in range(600)})
    for before, after in zip(
        each(divide(few, **SHARES)), each(divide(many, **SHARES)), strict=True
    ):
        old = [few.users[user] for user in before]
        new = [many.users[user] for user in after]
        assert [name for name in new if name in set(old)] == old


def test_the_division_follows_from_the_bytes_of_the_name_alone():
    corpus = corpus_of({f"üser{n}": 1 for n in range(50)})
    edges = {
        "public": (0.0, 0.4),
        "validation": (0.4, 0.6),
        "test": (0.6, 0.8),
        "training": (0.8, 1),
    }
    digests = {
        name: hashlib.blake2b(b"gboard_sim user sets" + name.encode(), digest_size=16).digest()
        for name in corpus.users
    }
    sets = divide(corpus, public_share=0.4, validation_share=0.2, test_share=0.2)
    for kind, (low, high) in edges.items():
        expected = [
            name
            for name, digest in digests.items()
            if low <= int.from_bytes(digest[:8], "little") / 2**64 < high
        ]
        expected.sort(key=lambda name: int.from_bytes(digests[name][8:], "little"))
        assert [corpus.users[user] for user in getattr(sets, kind)] == expected


def test_a_smaller_fleet_is_a_part_of_a_larger_one():
    sets = divide(corpus_of({f"user{n}": 1 for n in range(100)}), **SHARES)
    assert sets.fleet(20, "x").tolist() == sets.fleet(40, "x")[:20].tolist()


def test_a_fleet_larger_than_the_training_users_is_refused_with_both_numbers():
    sets = divide(corpus_of({f"user{n}": 1 for n in range(100)}), **SHARES)
    most = len(sets.training)
    assert len(sets.fleet(most, "hand.jsonl")) == most
    with pytest.raises(CorpusError, match=rf"fleet.phones={most + 1} exceeds the {most} training"):
        sets.fleet(most + 1, "hand.jsonl")


def test_users_with_too_few_messages_are_in_no_set():
    corpus = corpus_of({f"user{n}": n % 4 + 1 for n in range(400)})
    sets = divide(corpus, **SHARES, min_messages=3)
    kept = names(corpus, np.concatenate(each(sets)))
    assert kept == {f"user{n}" for n in range(400) if n % 4 + 1 >= 3}


def test_an_empty_set_is_refused_unless_no_share_was_asked_for():
    one = corpus_of({"amy": 5})
    with pytest.raises(CorpusError, match="no user for the"):
        divide(one, **SHARES)
    sets = divide(one, public_share=0.0, validation_share=0.0, test_share=0.0)
    assert [len(users) for users in each(sets)] == [0, 1, 0, 0]


@pytest.mark.parametrize("percent", [0, 7, 20, 29, 50, 99])
def test_the_last_share_of_each_user_is_later_rounded_down(percent):
    sizes = {f"user{n:03}": n for n in range(1, 101)}
    corpus = corpus_of(sizes)
    flags = later(corpus, percent / 100)
    for user, size in enumerate(sizes.values()):
        held = int(Fraction(percent, 100) * size)
        assert flags[corpus.user == user].tolist() == [False] * (size - held) + [True] * held
