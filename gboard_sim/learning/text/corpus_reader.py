"""Reads a corpus file: JSON lines, CSV or Parquet with the columns user, text and time.

Parquet is told by its first bytes, CSV by the name's ending `.csv` or `.tsv`; anything else is JSON
lines. JSON lines and CSV may be packed by gzip, told by its first bytes.
"""

import gzip
import io
import zlib
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gboard_sim.errors import CorpusError
from gboard_sim.keyboard.words import strip, tokens
from gboard_sim.learning.text import csv_rows, json_lines, parquet_rows
from gboard_sim.learning.text.corpus import Corpus, arrange
from gboard_sim.learning.text.corpus_facts import CorpusFacts, measure
from gboard_sim.learning.text.message import Message, Rows

_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_BAD_LINES_KEPT = 5  # assumed: enough to see what is wrong with a file


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line or row of a corpus file that holds no message.

    Attributes:
        place: `line` or `row`, and its number, counted from 1.
        reason: What is wrong with it.
    """

    place: str
    reason: str

    def __str__(self) -> str:
        """Both, for a reader."""
        return f"{self.place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a corpus file.

    Attributes:
        corpus: The messages with words in them; may be empty.
        lines: Lines or rows read, without a header and those of white space.
        bad_lines: Those of them that hold no message.
        first_bad_lines: The first few of these.
        wordless_messages: Messages left out because no word was in them.
        textless_users: Users left out because none of their messages had a word.
    """

    corpus: Corpus
    lines: int
    bad_lines: int
    first_bad_lines: tuple[BadLine, ...]
    wordless_messages: int
    textless_users: int


def read_corpus(path: Path | str, *, skip_bad_lines: bool = False) -> Reading:
    """Read a corpus that a run can use.

    A file that breaks off (a truncated gzip, a CSV's open quote) is refused whatever
    `skip_bad_lines` says: nobody can count the lines that it lost.

    Args:
        path: The file.
        skip_bad_lines: Count bad lines and go on, rather than refuse the first.

    Raises:
        CorpusError: The file cannot be read, a line is bad, or no words are in it.
    """
    if not str(path):
        raise CorpusError(
            "text.source is empty: this experiment has no text of its own; allowed: `synthetic`, "
            "or a file of JSON lines, CSV or Parquet; hint: give one with `--corpus FILE`"
        )
    reading = scan_corpus(path, skip_bad_lines=skip_bad_lines)
    if not reading.corpus.messages:
        raise CorpusError(
            f"{path}: no words in {reading.lines} lines, {reading.bad_lines} of them bad; allowed: "
            "at least one message with a word (a token with a letter in it); hint: look at it with "
            "`gboard-sim corpus inspect`"
        )
    return reading


def scan_corpus(path: Path | str, *, skip_bad_lines: bool = True) -> Reading:
    """Read a corpus file whatever is in it, even nothing; see `read_corpus`."""
    messages = _Messages()
    bad: list[BadLine] = []
    count = lines = 0
    with _opened(Path(path)) as form, closing(form.rows) as rows:
        for number, message in rows:
            lines += 1
            if not isinstance(message, str):
                messages.add(message)
                continue
            if not skip_bad_lines:
                raise CorpusError(
                    f"{path}, {form.place} {number}: {message}; allowed: {form.allowed}; hint: "
                    "`text.skip_bad_lines = true` counts such lines and leaves them out"
                )
            count += 1
            if len(bad) < _BAD_LINES_KEPT:
                bad.append(BadLine(f"{form.place} {number}", message))
    corpus = messages.corpus(str(path))
    return Reading(
        corpus=corpus,
        lines=lines,
        bad_lines=count,
        first_bad_lines=tuple(bad),
        wordless_messages=len(messages.user) - corpus.messages,
        textless_users=len(messages.users) - len(corpus.users),
    )


def inspect(path: Path | str) -> CorpusFacts:
    """What is in a corpus file, bad lines and all; see `scan_corpus`."""
    reading = scan_corpus(path)
    return measure(
        reading.corpus,
        lines=reading.lines,
        wordless_messages=reading.wordless_messages,
        textless_users=reading.textless_users,
        bad_lines=reading.bad_lines,
        first_bad_lines=tuple(map(str, reading.first_bad_lines)),
    )


class _Messages:
    """The messages of a file as they are read, in its order."""

    def __init__(self) -> None:
        self.users: dict[str, int] = {}
        self.user = array("i")
        self._time_s = array("d")
        self._lengths = array("q")
        self._words = array("i")
        self._lexicon: dict[str, int] = {}
        self._token_ids: dict[str, int] = {}  # of raw tokens, -1 for one that is no word

    def add(self, message: Message) -> None:
        """Take in a message."""
        user, text, time_s = message
        self.user.append(self.users.setdefault(user, len(self.users)))
        self._time_s.append(time_s)
        before = len(self._words)
        ids = self._token_ids
        self._words.extend(
            word
            for token in tokens(text)
            if (word := ids[token] if token in ids else self._new_token(token)) >= 0
        )
        self._lengths.append(len(self._words) - before)

    def _new_token(self, token: str) -> int:
        """The word id of a token that was not met before."""
        word = strip(token)
        number = self._lexicon.setdefault(word, len(self._lexicon)) if word else -1
        self._token_ids[token] = number
        return number

    def corpus(self, source: str) -> Corpus:
        """The messages so far."""
        return arrange(
            source=source,
            lexicon=tuple(self._lexicon),
            users=tuple(self.users),
            user=np.array(self.user, np.int32),
            time_s=np.array(self._time_s),
            offsets=np.concatenate([[0], np.cumsum(np.array(self._lengths, np.int64))]),
            words=np.array(self._words, np.int32),
        )


@dataclass(frozen=True, slots=True)
class _Form:
    """A file opened as what it is.

    Attributes:
        place: What one of its places is called.
        allowed: What one may hold.
        rows: What they do hold.
    """

    place: str
    allowed: str
    rows: Rows


def _form(file: BinaryIO, first: bytes, path: Path, packed: bool) -> _Form:
    """A file as what its name and its first bytes say it is."""
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending == ".parquet" or first.startswith(parquet_rows.MAGIC):
        if packed:
            raise CorpusError(
                f"{path}: Parquet inside gzip; allowed: a Parquet file as it is, which packs its "
                "own columns; hint: gunzip it"
            )
        return _Form("row", parquet_rows.ALLOWED, parquet_rows.rows(file, str(path)))
    if ending in {".csv", ".tsv"}:
        return _Form("line", csv_rows.ALLOWED, csv_rows.rows(file, str(path)))
    return _Form("line", json_lines.ALLOWED, json_lines.lines(file))


@contextmanager
def _opened(path: Path) -> Iterator[_Form]:
    """A corpus file, unpacked if need be, with what goes wrong in reading it said in one line."""
    try:
        with path.open("rb") as plain:
            packed = plain.peek(2).startswith(_GZIP_MAGIC)
            with gzip.open(plain) if packed else plain as file:
                whole = io.BufferedReader(file) if packed else plain
                yield _form(whole, whole.peek(4), path, packed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(
            f"{path}: the gzip stream is damaged ({error}); allowed: a whole gzip file, or the "
            "file unpacked; hint: it may be truncated, fetch it again"
        ) from None
    except OSError as error:
        raise CorpusError(
            f"{path}: cannot be read ({error.strerror}); allowed: a file of JSON lines or CSV, "
            "plain or gzip, or of Parquet; hint: check `text.source` or `--corpus`"
        ) from None
