"""Trains the tokenizer and the public word list, on the text of public users alone."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import numpy as np
import sentencepiece

from gboard_sim.errors import CorpusError
from gboard_sim.keyboard.tokenizer import BEGIN, UNKNOWN, Tokenizer
from gboard_sim.learning.text.corpus import Corpus
from gboard_sim.seam.records import Ints

Kind = Literal["word", "unigram", "bpe"]

SPECIAL = 2
"""Ids that are no words: `<unk>` and `<s>`."""

_LONGEST_WORD = 64
"""Longer words, links most of them, are unknown. Assumed; sentencepiece refuses very long ones."""

_LISTED_WORDS = 10_000
"""Words in the public list beside a piece model: Gboard's vocabulary (Hard et al. 2018)."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A tokenizer and the words that a keyboard may show.

    Attributes:
        kind: `word`, `unigram` or `bpe`.
        model: The sentencepiece model file.
        words: The public word list, the most frequent first, equals by code point: what recall is
            counted over. With `word` it is the vocabulary: word `i` is token `i + SPECIAL`.
    """

    kind: Kind
    model: bytes
    words: tuple[str, ...]


def train_vocabulary(
    corpus: Corpus,
    public: Ints,
    *,
    kind: Kind,
    size: int,
    listed_words: int = _LISTED_WORDS,
    added: str | None = None,
) -> Vocabulary:
    """Train a tokenizer on public messages; the same bytes whenever the input is the same.

    Args:
        corpus: The corpus.
        public: Numbers of the public users' messages.
        kind: Kind of sentencepiece model.
        size: Most ids V, `<unk>` and `<s>` included; fewer where the text gives fewer.
        listed_words: Most words in the list beside a `unigram` or `bpe` model.
        added: A word of the corpus that is listed though no public user types it, as if the last
            of the listed words were not there and it had been as frequent as that one before it.

    Raises:
        CorpusError: No public words, or fewer ids than the text has characters.
    """
    counts = corpus.counts(public)
    typed = [
        int(word) for word in np.flatnonzero(counts) if len(corpus.lexicon[word]) <= _LONGEST_WORD
    ]
    if not typed:
        raise CorpusError(
            f"{corpus.source}: no words in the {len(public)} messages of public users; allowed: "
            "at least one; hint: raise `text.public_share`"
        )

    def listed_first(word: int) -> tuple[int, str]:
        return -int(counts[word]), corpus.lexicon[word]

    def with_added(words: list[int], most: int) -> list[int]:
        """At most so many of the words, the added one among them."""
        if added is None:
            return words[:most]
        kept, [number] = words[: most - 1], corpus.ids_of([added]).tolist()
        counts[number] = counts[kept[-1]]
        return sorted([*kept, number], key=listed_first)

    typed.sort(key=listed_first)
    if kind == "word":
        typed = with_added(typed, size - SPECIAL)
    if kind == "unigram":
        # Its first guess at the pieces counts them in running text and does not read the counts
        # of a list: trained on a list, a word of real chat came out in up to 10% more pieces.
        model = _train(_pairs(corpus, public), kind, size, corpus.source)
    else:
        listed = (f"{corpus.lexicon[word]}\t{counts[word]}" for word in typed)
        most = len(typed) + SPECIAL if kind == "word" else size
        model = _train(listed, kind, most, corpus.source, input_format="tsv")
    if kind != "word":
        typed = with_added(_spelt(model, corpus, typed), listed_words)
        if len(_spelt(model, corpus, typed)) < len(typed):
            raise CorpusError(
                f"{corpus.source}: the {kind} tokenizer cannot spell {added!r}, which has a "
                "character that is rare in public text or not there; allowed: a word of its letters"
            )
    return Vocabulary(kind, model, tuple(corpus.lexicon[word] for word in typed))


def _spelt(model: bytes, corpus: Corpus, words: list[int]) -> list[int]:
    """Those of some words that have no unknown piece."""
    table = Tokenizer(model).table([corpus.lexicon[word] for word in words])
    unknown = np.add.reduceat(table.pieces == UNKNOWN, table.offsets[:-1]) > 0
    return [word for word, lost in zip(words, unknown, strict=True) if not lost]


def _pairs(corpus: Corpus, messages: Ints) -> Iterator[str]:
    """The messages as sentencepiece reads them for its first guess, without overlong words.

    The guess keeps only what is followed by different characters, so that a word is lost that
    always has a space after it. In lines of two words it has a space or the line's end.
    """
    typed = (corpus.lexicon[word] for word in corpus.gather(messages)[0].tolist())
    short = (word for word in typed if len(word) <= _LONGEST_WORD)
    return (" ".join(pair) for pair in zip_longest(short, short, fillvalue=""))


def _train(
    lines: Iterator[str], kind: Kind, size: int, source: str, input_format: str = "text"
) -> bytes:
    """A sentencepiece model file."""
    out = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=lines,
            model_writer=out,
            model_type=kind,
            vocab_size=size,
            hard_vocab_limit=False,  # fewer pieces than asked is no error
            input_format=input_format,
            max_sentence_length=1 << 20,  # bytes: no message is left out for its length
            character_coverage=1.0 if kind == "word" else 0.9995,  # the library's default
            normalization_rule_name="identity",  # the word rule has normalised already
            unk_id=UNKNOWN,
            bos_id=BEGIN,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,  # sums in a fixed order
            minloglevel=2,
        )
    except RuntimeError as error:
        reason = str(error).rpartition("] ")[2]
        raise CorpusError(
            f"{source}: sentencepiece cannot train text.tokenizer={kind!r} with "
            f"text.vocabulary={size}: {reason} Allowed: more ids than the public text has "
            "different characters; hint: raise `text.vocabulary`"
        ) from None
    return out.getvalue()
