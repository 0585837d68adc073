from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.text.corpus import arrange
from gboard_sim.learning.text.store import TextRows, build_store, open_store, tokenize
from gboard_sim.learning.text.user_sets import UserSets, divide, later
from gboard_sim.learning.text.vocabulary import train_vocabulary

LEXICON = ("the", "cat", "sat", "mats", "zebra", "quagga")


def small_world():
    """Forty users of 1 to 10 messages of 1 to 5 words."""
    rng = np.random.default_rng(3)
    sizes = np.arange(40) % 10 + 1
    user = np.repeat(np.arange(40), sizes)
    lengths = rng.integers(1, 6, len(user))
    return arrange(
        source="made",
        lexicon=LEXICON,
        users=tuple(f"user{n:02}" for n in range(40)),
        user=user,
        time_s=np.arange(len(user), dtype=np.float64),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
        words=rng.integers(0, len(LEXICON), lengths.sum()).astype(np.int32),
    )


CORPUS = small_world()
SETS = divide(CORPUS, public_share=0.25, validation_share=0.2, test_share=0.2)
LATER = later(CORPUS, 0.2)
FLEET = SETS.fleet(8, "made")


@pytest.fixture(params=[("word", 5), ("unigram", 20)])
def tokenizer(request):
    kind, size = request.param
    public = CORPUS.messages_of(SETS.public)[1]
    return Tokenizer(train_vocabulary(CORPUS, public, kind=kind, size=size).model)


@pytest.fixture
def store(tokenizer):
    return build_store(CORPUS, SETS, FLEET, tokenizer.table(LEXICON), LATER)


def typed(message):
    return CORPUS.words[CORPUS.offsets[message] : CORPUS.offsets[message + 1]].tolist()


@pytest.mark.parametrize(
    ("name", "users", "kept"),
    [
        ("public", SETS.public, None),
        ("fleet", FLEET, False),
        ("later", FLEET, True),
        ("validation", SETS.validation, None),
        ("test", SETS.test, None),
    ],
)
def test_rows_are_the_users_messages_in_order_of_time(store, tokenizer, name, users, kept):
    rows: TextRows = getattr(store, name)
    assert rows.owners == len(users)
    for owner, user in enumerate(users):
        own = range(rows.first[owner], rows.first[owner + 1])
        messages = [
            m for m in np.flatnonzero(CORPUS.user == user) if kept is None or LATER[m] == kept
        ]
        assert rows.message[own].tolist() == messages
        assert rows.owner()[own].tolist() == [owner] * len(messages)
        for row, message in zip(own, messages, strict=True):
            words = typed(message)
            at, to = rows.word_offsets[row : row + 2]
            assert rows.words[at:to].tolist() == words
            tokens = rows.tokens[rows.offsets[row] : rows.offsets[row + 1]]
            assert tokens.tolist() == tokenizer.encode([LEXICON[w] for w in words]).tolist()
            assert rows.lengths()[row] == len(tokens)
            assert rows.later[row] == LATER[message]
    for word, (begin, end) in enumerate(pairwise(rows.word_begins)):
        encoded = tokenizer.encode([LEXICON[rows.words[word]]])
        assert rows.tokens[begin:end].tolist() == encoded.tolist()


def test_nothing_later_is_trained_on_and_nothing_is_lost(store):
    together = np.concatenate([store.fleet.message, store.later.message])
    assert sorted(together.tolist()) == sorted(CORPUS.messages_of(FLEET)[1].tolist())
    assert not store.fleet.later.any()
    assert store.later.later.all()
    assert len(store.later.message) > 0


def test_a_saved_store_opens_as_the_same_read_only_arrays(store, tmp_path):
    store.save(tmp_path / "text")
    opened = open_store(tmp_path / "text")
    for name in ("public", "fleet", "later", "validation", "test"):
        for column in fields(TextRows):
            mapped = getattr(getattr(opened, name), column.name)
            kept = getattr(getattr(store, name), column.name)
            np.testing.assert_array_equal(mapped, kept)
            assert mapped.dtype == kept.dtype
            assert not mapped.flags.writeable
    assert opened.fleet.tokens.dtype == np.int32
    assert opened.fleet.offsets.dtype == np.int64


def test_an_owner_without_rows_and_a_set_without_owners_are_kept(tokenizer, tmp_path):
    table = tokenizer.table(LEXICON)
    no_rows = tokenize(CORPUS, FLEET, table, LATER, kept=np.zeros_like(LATER))
    assert (no_rows.owners, no_rows.rows, len(no_rows.tokens)) == (len(FLEET), 0, 0)
    nobody = np.zeros(0, np.int64)
    sets = UserSets(public=SETS.public, training=FLEET, validation=nobody, test=nobody)
    build_store(CORPUS, sets, FLEET, table, LATER).save(tmp_path)
    assert open_store(tmp_path).test.rows == 0


def test_a_store_with_a_damaged_or_missing_file_is_refused(store, tmp_path):
    store.save(tmp_path)
    file = tmp_path / "fleet" / "tokens.npy"
    whole = file.read_bytes()
    for damage in (whole[:100], whole[:-4], b"", b"not numpy"):
        file.write_bytes(damage)
        with pytest.raises(RunDirectoryError, match=r"fleet.tokens.npy"):
            open_store(tmp_path)
    file.unlink()
    with pytest.raises(RunDirectoryError, match=r"fleet.tokens.npy"):
        open_store(tmp_path)
