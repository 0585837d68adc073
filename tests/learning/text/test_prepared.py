"""From `[text]` to what phones train on: nobody's words in two places."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gboard_sim.errors import CorpusError, ExperimentError
from gboard_sim.experiment.text import Text
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.prepared import PreparedText, prepare
from gboard_sim.units import DAY_S

SETS = ("public", "fleet", "later", "validation", "test")
DAYS = 3.0


def users_of(text: PreparedText, name: str) -> set[int]:
    return set(text.corpus.user[getattr(text.store, name).message].tolist())


def prepared(phones: int | str, seed: int = 1, **settings) -> PreparedText:
    settings = {"messages_per_user": 12, "vocabulary": 300} | settings
    text = Text(**settings)
    divided = read_divided(text, phones, seed)
    offset_s = np.zeros(len(divided.fleet))
    return prepare(divided, text, days=DAYS, utc_offset_s=offset_s, seed=seed)


@pytest.fixture(scope="module")
def chat(tmp_path_factory) -> Path:
    """Sixty users of seven messages, user 3 saying `own3w0 own3w1 shared` and so on."""
    path = tmp_path_factory.mktemp("corpus") / "chat.jsonl"
    lines = [
        {
            "user": f"user{user}",
            "text": f"Own{user}w{message} own{user}w{message + 1}, shared!",
            "time": f"2024-05-0{7 - message}T10:00:00",  # the latest first
        }
        for user in range(60)
        for message in range(7)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def real(chat) -> PreparedText:
    return prepared(25, source=str(chat), vocabulary=5000, min_messages=1)


def test_no_user_is_in_two_sets_but_training_users_have_later_text(text):
    users = {name: users_of(text, name) for name in SETS}
    assert all(users.values())
    assert users["later"] <= users["fleet"]
    apart = [users[name] for name in ("public", "fleet", "validation", "test")]
    assert len(set.union(*apart)) == sum(map(len, apart))


def test_every_phone_is_one_user_and_holds_back_the_latest_fifth(real):
    corpus, fleet, later = real.corpus, real.store.fleet, real.store.later
    assert fleet.owners == later.owners == 25
    for phone in range(25):
        mine = fleet.message[fleet.first[phone] : fleet.first[phone + 1]]
        kept = later.message[later.first[phone] : later.first[phone + 1]]
        [user] = set(corpus.user[mine]) | set(corpus.user[kept])
        own = np.flatnonzero(corpus.user == user)
        assert sorted([*mine, *kept]) == own.tolist()
        assert len(kept) == int(0.2 * len(own)) == 1
        assert corpus.time_s[kept].min() > corpus.time_s[mine].max()


def test_rows_are_the_words_that_were_typed(real):
    lexicon = np.array(real.corpus.lexicon)
    for name in SETS:
        rows = getattr(real.store, name)
        for row in range(rows.rows):
            words = lexicon[rows.words[rows.word_offsets[row] : rows.word_offsets[row + 1]]]
            user = real.corpus.users[real.corpus.user[rows.message[row]]].removeprefix("user")
            number = int(words[0].rpartition("w")[2])
            assert words.tolist() == [f"own{user}w{number}", f"own{user}w{number + 1}", "shared"]


def test_tokens_are_the_words_that_public_users_typed_and_unknown_for_the_rest(real):
    tokenizer = Tokenizer(real.vocabulary.model)
    public = {real.corpus.users[user] for user in users_of(real, "public")}
    assert {word for word in real.vocabulary.words if word != "shared"} == {
        f"own{user.removeprefix('user')}w{number}" for user in public for number in range(8)
    }
    fleet = real.store.fleet
    row = fleet.tokens[fleet.offsets[0] : fleet.offsets[1]]
    assert tokenizer.decode(row.tolist()) == "<unk> <unk> shared"
    known = {real.corpus.lexicon[word] for word in np.flatnonzero(real.known)}
    assert known == set(real.vocabulary.words)


def test_the_fleet_sees_when_and_how_much_was_typed(text, real):
    for each in (text, real):
        typing, fleet = each.typing, each.store.fleet
        assert np.array_equal(typing.first, fleet.first)
        assert np.array_equal(typing.tokens, np.diff(fleet.offsets))
        assert len(typing.time_s) == fleet.rows
        for first, last in pairwise(fleet.first):
            assert (np.diff(typing.time_s[first:last]) >= 0.0).all()
        assert typing.time_s.max() <= DAYS * DAY_S
    assert (typing.cache_rows, typing.expiry_s) == (Text().cache_rows, Text().expiry_days * DAY_S)


@pytest.mark.parametrize(
    ("arrival", "check"),
    [
        ("at_start", lambda time_s: (time_s <= 0.0).all()),
        ("recorded", lambda time_s: time_s.max() - time_s.min() == 6 * DAY_S - DAY_S),
        ("compressed", lambda time_s: 0.0 < time_s.max() <= DAYS * DAY_S),
        ("habit", lambda time_s: 0.0 < time_s.max() <= DAYS * DAY_S),
    ],
)
def test_arrival_is_that_asked_for(chat, real, arrival, check):
    time_s = prepared(25, source=str(chat), arrival=arrival).typing.time_s
    assert check(time_s)
    # A file's text is compressed where nothing is said.
    assert np.array_equal(time_s, real.typing.time_s) == (arrival == "compressed")


def test_an_evaluation_set_is_a_choice_of_rows_that_only_grows(text):
    rows = text.store.test
    small, large = (text.evaluation_set("test", most) for most in (10, 25))
    assert (small.messages, large.messages) == (10, 25)
    assert set(small.rows) < set(large.rows)
    assert (np.diff(large.rows) > 0).all()
    for at, row in enumerate(large.rows):
        words = large.words[large.offsets[at] : large.offsets[at + 1]]
        assert (
            words.tolist()
            == rows.words[rows.word_offsets[row] : rows.word_offsets[row + 1]].tolist()
        )
    assert text.evaluation_set("test", 10**6).messages == rows.rows


def test_groups_follow_the_chosen_rows(text):
    rows = text.store.test
    chosen = text.evaluation_set("test", 20, {"later": rows.later, "even": rows.message % 2 == 0})
    assert np.array_equal(chosen.groups["later"], rows.later[chosen.rows])
    assert np.array_equal(chosen.groups["even"], rows.message[chosen.rows] % 2 == 0)


def test_the_seed_draws_other_text_but_divides_and_chooses_alike(chat):
    one, other = (prepared(12, seed=seed) for seed in (1, 2))
    assert not np.array_equal(one.corpus.words, other.corpus.words)
    assert one.sets.test.tolist() == other.sets.test.tolist()
    first, second = (prepared(25, seed=seed, source=str(chat)) for seed in (1, 2))
    assert np.array_equal(first.store.fleet.tokens, second.store.fleet.tokens)
    chosen = [text.evaluation_set("test", 5).rows.tolist() for text in (first, second)]
    assert chosen[0] == chosen[1]


def test_a_smaller_fleet_is_a_part_of_a_larger_one(chat):
    small, large = (prepared(phones, source=str(chat)) for phones in (10, 25))
    assert np.array_equal(
        small.store.fleet.message, large.store.fleet.message[: small.store.fleet.rows]
    )


@pytest.mark.parametrize("phones", [1, 2, 5, 20, 60])
def test_there_is_synthetic_text_for_a_fleet_of_any_size(phones):
    text = prepared(phones, messages_per_user=3)
    assert text.store.fleet.owners == phones
    assert all(getattr(text.store, name).rows for name in ("public", "validation", "test"))
    assert text.law is not None
    assert Counter(text.corpus.user.tolist()).most_common(1)[0][1] > 1


def test_a_fleet_larger_than_the_corpus_is_refused(chat):
    with pytest.raises(CorpusError, match=r"fleet\.phones=58"):
        prepared(58, source=str(chat))


@pytest.mark.parametrize("key", ["validation_share", "test_share"])
def test_a_run_without_anybody_to_judge_by_is_refused(key):
    with pytest.raises(ExperimentError, match=rf"text\.{key} = 0 is not allowed: above 0"):
        prepared(12, **{key: 0.0})
