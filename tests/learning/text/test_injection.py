"""A word put into the typing: only from its day on, only where drawn, and nothing else changes."""

import json

import numpy as np
import pytest

from gboard_sim.errors import CorpusError, ExperimentError
from gboard_sim.experiment.text import Injection, Text
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.text.corpus import arrange
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.injection import inject
from gboard_sim.learning.text.prepared import PreparedText, prepare
from gboard_sim.units import DAY_S

WORD = "tolomat"


def prepared(phones: int = 60, seed: int = 1, **settings) -> PreparedText:
    settings = {"messages_per_user": 30, "vocabulary": 300, "history_days": 1.0} | settings
    text = Text(**settings)
    divided = read_divided(text, phones, seed)
    offset_s = np.zeros(len(divided.fleet))
    return prepare(divided, text, days=3.0, utc_offset_s=offset_s, seed=seed)


def injected(share: float = 0.5, day: float = 1.0, **settings) -> PreparedText:
    return prepared(injection=Injection(word=WORD, day=day, share=share), **settings)


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    """Ninety users of ten messages of real-looking text."""
    path = tmp_path_factory.mktemp("corpus") / "chat.jsonl"
    lines = [
        {
            "user": f"user{user}",
            "text": f"word{message} and word{user % 7} x{'abc'[user % 3]}",
            "time": None,
        }
        for user in range(90)
        for message in range(10)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def messages(text: PreparedText, name: str) -> list[list[str]]:
    rows = getattr(text.store, name)
    words = [text.corpus.lexicon[w] for w in rows.words]
    bounds = zip(rows.word_offsets[:-1], rows.word_offsets[1:], strict=True)
    return [words[a:b] for a, b in bounds]


@pytest.mark.parametrize("file", [False, True])
def test_every_message_is_as_it_was_or_has_the_word_once_more(chat, file):
    more = {"source": chat, "arrival": "compressed"} if file else {}
    plain, new = prepared(**more), injected(**more)
    assert np.array_equal(plain.typing.time_s, new.typing.time_s)
    carries = {}
    for name in ("public", "fleet", "later", "validation", "test"):
        before, after = messages(plain, name), messages(new, name)
        carries[name] = np.array([WORD in message for message in after])
        for old, message in zip(before, after, strict=True):
            assert [w for w in message if w != WORD] == old
            assert message.count(WORD) <= 1
    typed = new.typing.time_s >= DAY_S
    assert not carries["public"].any()
    assert not carries["fleet"][~typed].any()
    for name in ("validation", "test"):
        latest = getattr(new.store, name).later
        assert not carries[name][~latest].any()
        assert carries[name][latest].any()
    drawn = np.concatenate([carries["fleet"][typed], carries["later"]])
    spread = 4 * (0.25 / len(drawn)) ** 0.5  # four standard errors of a share of one half
    assert len(drawn) > 300
    assert drawn.mean() == pytest.approx(0.5, abs=spread)


def test_messages_before_the_day_are_the_same_tokens_bit_for_bit():
    """Only the word list differs, by one word; token ids of words before it are the same."""
    late = injected(day=2.0, share=1.0)
    early = injected(day=1.0, share=1.0)
    time_s = late.typing.time_s
    for text, day in ((late, 2.0), (early, 1.0)):
        lengths = np.diff(text.store.fleet.word_offsets)
        other = np.diff(prepared().store.fleet.word_offsets)
        assert np.array_equal(lengths - other, (time_s >= day * DAY_S).astype(int))
    rows = np.flatnonzero(time_s < DAY_S)
    assert len(rows) > 50
    for row in rows[:50]:
        one, two = (
            t.store.fleet.tokens[t.store.fleet.offsets[row] : t.store.fleet.offsets[row + 1]]
            for t in (late, early)
        )
        assert one.tobytes() == two.tobytes()


def test_places_are_drawn_evenly_and_ends_are_places_too():
    users, length = 4000, 3
    corpus = arrange(
        source="hand", lexicon=("a", "b", "c"), users=tuple(f"{u:05d}" for u in range(users)),
        user=np.arange(users), time_s=np.zeros(users), offsets=np.arange(users + 1) * length,
        words=np.tile(np.arange(3, dtype=np.int32), users),
    )  # fmt: skip
    made = inject(corpus, Injection(word=WORD, day=0.0, share=1.0), np.arange(users), seed=3)
    assert made.lexicon == ("a", "b", "c", WORD)
    places = made.words.reshape(users, length + 1).argmax(axis=1)
    counts = np.bincount(places, minlength=4)
    # Chi-squared with 3 degrees of freedom: 16.3 is passed once in a thousand.
    assert ((counts - users / 4) ** 2 / (users / 4)).sum() < 16.3
    again = inject(corpus, Injection(word=WORD, day=0.0, share=0.3), np.arange(users), seed=3)
    shorter = np.diff(again.offsets) == length
    assert shorter.mean() == pytest.approx(0.7, abs=0.03)


def test_a_larger_fleet_and_another_schedule_of_messages_meet_the_same_draws():
    """Keyed by the user and the user's own count: who else is asked makes no difference."""
    few, many = injected(phones=20), injected(phones=45)
    n = few.store.fleet.first[20]
    assert messages(few, "fleet") == messages(many, "fleet")[:n]


@pytest.mark.parametrize("kind", ["word", "unigram", "bpe"])
def test_the_word_is_listed_so_that_a_model_can_show_it(kind):
    text = injected(tokenizer=kind, vocabulary=300)
    assert text.vocabulary.words.count(WORD) == 1
    assert text.known[text.injected]
    assert text.corpus.lexicon[text.injected] == WORD
    plain = prepared(tokenizer=kind, vocabulary=300)
    assert len(text.vocabulary.words) - len(plain.vocabulary.words) in (0, 1)
    if kind == "word":
        assert Tokenizer(text.vocabulary.model).size == 300
        token = text.vocabulary.words.index(WORD) + 2
        assert Tokenizer(text.vocabulary.model).encode([WORD]).tolist() == [token]
        kept = [w for w in text.vocabulary.words if w != WORD]
        assert tuple(kept) == plain.vocabulary.words[: len(kept)]
    else:
        assert text.vocabulary.model == plain.vocabulary.model


def test_the_validation_set_has_a_group_of_the_words_positions():
    text = injected(share=1.0)
    chosen = text.evaluation_set("validation", 10_000)
    assert chosen.targets == {"injected": text.injected}
    assert (chosen.words == text.injected).sum() == text.store.validation.later.sum() > 0
    assert prepared().evaluation_set("validation", 10).targets == {}


def test_the_law_does_not_know_the_word_so_there_is_no_ceiling():
    assert prepared().law is not None
    assert injected().law is None


def test_held_out_tokens_are_those_of_each_phones_later_text():
    text = injected(share=1.0)
    later = text.store.later
    by_hand = [
        sum(len(later.tokens[later.offsets[r] : later.offsets[r + 1]])
            for r in range(later.first[p], later.first[p + 1]))
        for p in range(later.owners)
    ]  # fmt: skip
    assert text.typing.held_out_tokens(np.arange(60)).tolist() == by_hand
    assert sum(by_hand) > 0


@pytest.mark.parametrize("word", ["Zyx", "two words", "42", "zyx!", " zyx", "\uff5ayx"])
def test_what_the_word_rule_would_change_is_refused(word):
    with pytest.raises(ExperimentError, match=r"text\.injection\.word = .* is not allowed"):
        prepared(injection=Injection(word=word, day=1.0, share=0.5))


def test_a_word_that_somebody_uses_is_refused(chat):
    with pytest.raises(CorpusError, match="'the' is a word of the corpus already"):
        prepared(injection=Injection(word="the", day=1.0, share=0.5))
    with pytest.raises(CorpusError, match="'word3' is a word of the corpus already"):
        prepared(source=chat, injection=Injection(word="word3", day=1.0, share=0.5))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_a_word_that_the_pieces_cannot_spell_is_refused(kind):
    with pytest.raises(CorpusError, match="cannot spell 'жук'"):
        prepared(tokenizer=kind, injection=Injection(word="жук", day=1.0, share=0.5))
