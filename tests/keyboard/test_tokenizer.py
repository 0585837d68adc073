import io
from itertools import pairwise

import numpy as np
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.errors import CorpusError
from gboard_sim.keyboard.tokenizer import BEGIN, UNKNOWN, Tokenizer
from gboard_sim.keyboard.words import words

TEXT = ["the cat sat on the mat", "the dog ate the cat's dinner", "naïve cats don't eat mats"] * 3


def trained(kind, size, **options):
    out = io.BytesIO()
    special = {"unk_id": 0, "bos_id": 1, "eos_id": -1, "pad_id": -1} | options
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT),
        model_writer=out,
        model_type=kind,
        vocab_size=size,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        character_coverage=1.0,
        minloglevel=2,
        **special,
    )
    return out.getvalue()


KINDS = {kind: trained(kind, size) for kind, size in (("word", 8), ("unigram", 45), ("bpe", 45))}


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def without_unknown_runs(ids):
    return [t for n, t in enumerate(ids) if t != UNKNOWN or n == 0 or ids[n - 1] != UNKNOWN]


@given(st.data())
def test_table_encodes_as_sentencepiece_does_a_sentence(data):
    # sentencepiece melts a run of unknown words into one piece; each word here keeps its own.
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    parts = st.sampled_from(sorted({w for line in TEXT for w in line.split()})) | st.text()
    typed = words(" ".join(data.draw(st.lists(parts, max_size=8))))
    table = Tokenizer(KINDS[kind]).table(typed)
    ours, begins = table.encode(np.arange(len(typed)))
    reference = sentencepiece.SentencePieceProcessor(model_proto=KINDS[kind])
    theirs = reference.encode(" ".join(typed))
    assert without_unknown_runs(ours.tolist()) == without_unknown_runs(theirs)
    assert begins.tolist() == table.offsets.tolist()


def test_rows_are_gathered_in_the_order_asked(kind):
    tokenizer = Tokenizer(KINDS[kind])
    lexicon = ["dinner", "cat", "zebra", "the"]
    table = tokenizer.table(lexicon)
    order = np.array([3, 1, 1, 2, 0])
    ids, begins = table.encode(order)
    expected = [tokenizer.encode([lexicon[w]]).tolist() for w in order]
    assert ids.tolist() == [piece for word in expected for piece in word]
    assert [ids[a:b].tolist() for a, b in pairwise(begins)] == expected


def test_no_words_have_no_tokens(kind):
    tokenizer = Tokenizer(KINDS[kind])
    assert tokenizer.encode([]).tolist() == []
    ids, begins = tokenizer.table(["cat"]).encode(np.zeros(0, np.int64))
    assert (ids.tolist(), begins.tolist()) == ([], [0])


def test_decoding_gives_back_known_words(kind):
    tokenizer = Tokenizer(KINDS[kind])
    ids = tokenizer.encode(["the", "cat"])
    assert tokenizer.decode([BEGIN, *ids]) == "the cat"


def test_neighbouring_unknown_words_stay_two():
    tokenizer = Tokenizer(KINDS["word"])
    assert tokenizer.encode(["zebra", "quagga"]).tolist() == [UNKNOWN, UNKNOWN]
    assert tokenizer.decode([UNKNOWN, 2, UNKNOWN]) == f"<unk> {tokenizer.piece(2)} <unk>"


def test_special_ids_begin_no_word_and_text_cannot_name_them(kind):
    tokenizer = Tokenizer(KINDS[kind])
    assert not tokenizer.begins_word[[UNKNOWN, BEGIN]].any()
    assert BEGIN not in tokenizer.encode(["a<s>b", "s", "unk"])


def test_only_the_word_kind_has_whole_words(kind):
    tokenizer = Tokenizer(KINDS[kind])
    assert tokenizer.whole_words == (kind == "word")
    assert tokenizer.begins_word[2:].all() == (kind == "word")


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (b"", "no sentencepiece model"),
        (b"not a model", "no sentencepiece model"),
        (KINDS["word"][:-1], "no sentencepiece model"),
        (trained("word", 8, eos_id=2), r"\(0, 1, 2\)"),
    ],
)
def test_bytes_that_are_no_tokenizer_of_ours_are_refused(model, said):
    with pytest.raises(CorpusError, match=said):
        Tokenizer(model)
