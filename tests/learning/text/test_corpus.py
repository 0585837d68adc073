from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.learning.text.corpus import arrange

LEXICON = tuple("abcde")

MESSAGES = st.lists(
    st.tuples(
        st.sampled_from(["zoe", "amy", "bob", "cat"]),
        st.sampled_from([np.nan, 0.0, 1.0, 2.0]),
        st.lists(st.integers(0, 4), max_size=4),
    ),
    max_size=30,
)


def arranged(messages):
    users = tuple(dict.fromkeys(user for user, _, _ in messages))
    return arrange(
        source="hand",
        lexicon=LEXICON,
        users=users,
        user=np.array([users.index(user) for user, _, _ in messages], np.int32),
        time_s=np.array([time for _, time, _ in messages], np.float64),
        offsets=np.concatenate([[0], np.cumsum([len(w) for _, _, w in messages])]).astype(np.int64),
        words=np.array([word for _, _, typed in messages for word in typed], np.int32),
    )


def as_rows(corpus):
    return [
        (
            corpus.users[corpus.user[m]],
            float(corpus.time_s[m]),
            corpus.words[corpus.offsets[m] : corpus.offsets[m + 1]].tolist(),
        )
        for m in range(corpus.messages)
    ]


def last_if_unknown(time):
    return np.inf if np.isnan(time) else time


@given(MESSAGES)
def test_messages_stand_by_user_then_time_then_order_of_the_source(messages):
    expected = sorted(
        (row for row in messages if row[2]), key=lambda row: (row[0], last_if_unknown(row[1]))
    )
    assert str(as_rows(arranged(messages))) == str(expected)  # text, because nan != nan


@given(MESSAGES)
def test_users_without_words_are_left_out_and_names_ascend(messages):
    corpus = arranged(messages)
    assert list(corpus.users) == sorted({user for user, _, typed in messages if typed})
    assert set(corpus.user.tolist()) == set(range(len(corpus.users)))


@given(MESSAGES, st.data())
def test_gathered_messages_and_their_counts_equal_a_loop(messages, data):
    corpus = arranged(messages)
    wanted = data.draw(st.lists(st.integers(0, max(corpus.messages - 1, 0)), max_size=10))
    wanted = wanted if corpus.messages else []
    words, offsets = corpus.gather(np.array(wanted, np.int64))
    rows = as_rows(corpus)
    pieces = [words[a:b].tolist() for a, b in pairwise(offsets)]
    assert pieces == [rows[m][2] for m in wanted]
    expected = [sum(rows[m][2].count(word) for m in wanted) for word in range(len(LEXICON))]
    assert corpus.counts(np.array(wanted, np.int64)).tolist() == expected


@given(MESSAGES)
def test_messages_of_users_come_one_user_after_another(messages):
    corpus = arranged(messages)
    users = np.arange(len(corpus.users))[::-1]
    first, found = corpus.messages_of(users)
    for place, user in enumerate(users):
        owned = found[first[place] : first[place + 1]].tolist()
        assert owned == np.flatnonzero(corpus.user == user).tolist()


def test_a_word_that_nobody_typed_has_no_id():
    corpus = arranged([("amy", 0.0, [0])])
    assert corpus.ids_of(["b", "zebra", "a"]).tolist() == [1, -1, 0]
