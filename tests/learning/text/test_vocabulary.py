import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.errors import CorpusError
from gboard_sim.keyboard.tokenizer import UNKNOWN, Tokenizer
from gboard_sim.keyboard.words import words
from gboard_sim.learning.text.corpus import arrange
from gboard_sim.learning.text.vocabulary import SPECIAL, train_vocabulary

PUBLIC = ["the cat sat on the mat", "the cat's naïve", "a dog and a cat", "don't sit on it"]
PRIVATE = ["secret password hunter2", "the secret zebra"]


def corpus_of(texts):
    typed = [words(text) for text in texts]
    lexicon = tuple(dict.fromkeys(word for message in typed for word in message))
    return arrange(
        source="hand.jsonl",
        lexicon=lexicon,
        users=("amy",),
        user=np.zeros(len(texts), np.int32),
        time_s=np.arange(len(texts), dtype=np.float64),
        offsets=np.concatenate([[0], np.cumsum([len(m) for m in typed])]).astype(np.int64),
        words=np.array([lexicon.index(w) for message in typed for w in message], np.int32),
    )


CORPUS = corpus_of(PUBLIC + PRIVATE)
PUBLIC_MESSAGES = np.arange(len(PUBLIC))
COUNTS = Counter(word for text in PUBLIC for word in words(text))


def by_count(counts):
    return [word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))]


@pytest.mark.parametrize("size", [3, 5, 14, 15, 16, 10_000])
def test_word_kind_is_the_most_frequent_words_as_many_as_there_are(size):
    vocabulary = train_vocabulary(CORPUS, PUBLIC_MESSAGES, kind="word", size=size)
    expected = by_count(COUNTS)[: size - SPECIAL]
    assert list(vocabulary.words) == expected
    tokenizer = Tokenizer(vocabulary.model)
    assert tokenizer.size == len(expected) + SPECIAL
    assert [tokenizer.piece(SPECIAL + n) for n in range(len(expected))] == expected
    assert tokenizer.encode(expected).tolist() == list(range(SPECIAL, SPECIAL + len(expected)))


@pytest.mark.parametrize("kind", ["word", "unigram", "bpe"])
def test_no_private_word_leaves_a_trace(kind):
    vocabulary = train_vocabulary(CORPUS, PUBLIC_MESSAGES, kind=kind, size=60)
    only_public = train_vocabulary(corpus_of(PUBLIC), PUBLIC_MESSAGES, kind=kind, size=60)
    assert vocabulary == only_public
    assert "zebra" not in vocabulary.words


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
def test_word_list_of_a_piece_model_is_the_most_frequent_words_it_can_spell(kind):
    vocabulary = train_vocabulary(CORPUS, PUBLIC_MESSAGES, kind=kind, size=60, listed_words=9)
    tokenizer = Tokenizer(vocabulary.model)
    spelt = [word for word in by_count(COUNTS) if UNKNOWN not in tokenizer.encode([word])]
    assert list(vocabulary.words) == spelt[:9]


def test_unigram_pieces_are_learned_from_running_text():
    # From a list of distinct words sentencepiece would not see that `the` is frequent.
    messages = [f"see the {a}{b}" for a in "bcdfghk" for b in ("ad", "og", "um", "ix")]
    public = np.arange(len(messages))
    vocabulary = train_vocabulary(corpus_of(messages), public, kind="unigram", size=40)
    assert len(Tokenizer(vocabulary.model).encode(["the"])) == 1


def test_the_same_text_gives_the_same_bytes_in_another_process():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import test_vocabulary as t\n"
        "from hashlib import sha256\n"
        "for kind in ('word', 'unigram', 'bpe'):\n"
        "    made = t.train_vocabulary(t.CORPUS, t.PUBLIC_MESSAGES, kind=kind, size=60)\n"
        "    print(sha256(made.model).hexdigest())\n"
    )
    command = [sys.executable, "-c", code, __file__.rpartition("/")[0]]
    runs = {subprocess.run(command, check=True, capture_output=True).stdout for _ in range(2)}
    assert len(runs) == 1
    assert len(set(runs.pop().split())) == 3


@pytest.mark.parametrize("kind", ["word", "unigram", "bpe"])
def test_very_long_words_are_unknown_not_fatal(kind):
    corpus = corpus_of([*PUBLIC, "x" * 70_000, "the " + "y" * 65])
    vocabulary = train_vocabulary(corpus, np.arange(corpus.messages), kind=kind, size=60)
    assert max(map(len, vocabulary.words)) <= 64
    tokenizer = Tokenizer(vocabulary.model)
    assert UNKNOWN in tokenizer.encode(["y" * 65])


def test_too_few_ids_for_the_characters_is_refused():
    with pytest.raises(CorpusError, match=r"text.vocabulary=8.*smaller than required_chars"):
        train_vocabulary(CORPUS, PUBLIC_MESSAGES, kind="unigram", size=8)


@pytest.mark.parametrize("texts", [[], ["x" * 100]])
def test_public_text_without_words_is_refused(texts):
    corpus = corpus_of(texts)
    with pytest.raises(CorpusError, match=r"no words.*public_share"):
        train_vocabulary(corpus, np.arange(corpus.messages), kind="word", size=10)


@given(st.lists(st.text(), min_size=1), st.integers(3, 12))
@settings(max_examples=60)
def test_words_of_any_script_keep_their_place(texts, size):
    corpus = corpus_of(texts)
    if not corpus.messages:
        return
    vocabulary = train_vocabulary(corpus, np.arange(corpus.messages), kind="word", size=size)
    ids = Tokenizer(vocabulary.model).encode(vocabulary.words)
    assert ids.tolist() == list(range(SPECIAL, SPECIAL + len(vocabulary.words)))
