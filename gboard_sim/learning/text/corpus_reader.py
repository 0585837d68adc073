"""Reads a corpus from JSON lines, `{"user": str, "text": str, "time": ISO 8601 or null}`.

Plain or gzip, told apart by the first two bytes. Keys beyond the three are ignored, and so are
lines of white space. A time without a zone is taken as UTC.
"""

import gzip
import io
import json
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gboard_sim.errors import CorpusError
from gboard_sim.keyboard.words import strip, tokens
from gboard_sim.learning.text.corpus import Corpus, arrange
from gboard_sim.learning.text.corpus_facts import CorpusFacts, measure

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952, section 2.3.1
_BAD_LINES_KEPT = 5  # assumed: enough to see what is wrong with a file


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of a corpus file that holds no message.

    Attributes:
        number: Counted from 1.
        reason: What is wrong with it.
    """

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a corpus file.

    Attributes:
        corpus: The messages with words in them; may be empty.
        lines: Lines read, without those of white space.
        bad_lines: Lines that hold no message.
        first_bad_lines: The first few of them.
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

    A file that breaks off (a truncated gzip) is refused whatever `skip_bad_lines` says: nobody can
    count the lines that it lost.

    Args:
        path: The file.
        skip_bad_lines: Count bad lines and go on, rather than refuse the first.

    Raises:
        CorpusError: The file cannot be read, a line is bad, or no words are in it.
    """
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
    with _opened(Path(path)) as file:
        for number, raw in enumerate(file, 1):
            if not raw.strip():
                continue
            lines += 1
            reason = messages.add(raw if number > 1 else raw.removeprefix(b"\xef\xbb\xbf"))
            if reason is None:
                continue
            if not skip_bad_lines:
                raise CorpusError(
                    f"{path}, line {number}: {reason}; allowed: one JSON object a line, "
                    '{"user": str, "text": str, "time": ISO 8601 or null}; hint: '
                    "`text.skip_bad_lines = true` counts such lines and leaves them out"
                )
            count += 1
            if len(bad) < _BAD_LINES_KEPT:
                bad.append(BadLine(number, reason))
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
        first_bad_lines=tuple(
            f"line {bad.number}: {bad.reason}" for bad in reading.first_bad_lines
        ),
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
        self._times: dict[str, float] = {}

    def add(self, raw: bytes) -> str | None:
        """Take in a line; what is wrong with it, or None where nothing is."""
        try:
            user, text, time_s = self._parse(raw)
        except UnicodeDecodeError as error:
            return f"not UTF-8 (byte 0x{raw[error.start]:02x} at column {error.start + 1})"
        except json.JSONDecodeError as error:
            return f"not JSON ({error.msg} at column {error.pos + 1})"
        except (ValueError, RecursionError) as error:
            return str(error)
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
        return None

    def _parse(self, raw: bytes) -> tuple[str, str, float]:
        """The user, text and time of a line; raises an error that says what is wrong with it."""
        row = json.loads(raw.decode())
        if not isinstance(row, dict):
            raise ValueError(f"a JSON {type(row).__name__}, not an object")
        for key in ("user", "text", "time"):
            if key not in row:
                raise ValueError(f"key `{key}` is missing")
        user, text, time = row["user"], row["text"], row["time"]
        if not isinstance(user, str) or not user.strip():
            raise ValueError(f"user={_short(user)} is not a name")
        if not isinstance(text, str):
            raise ValueError(f"text={_short(text)} is not a string")
        try:
            return user, text, self._seconds(time)
        except (TypeError, ValueError):
            raise ValueError(f"time={_short(time)} is neither ISO 8601 nor null") from None

    def _new_token(self, token: str) -> int:
        """The word id of a token that was not met before."""
        word = strip(token)
        number = self._lexicon.setdefault(word, len(self._lexicon)) if word else -1
        self._token_ids[token] = number
        return number

    def _seconds(self, time: str | None) -> float:
        """A time of the file as seconds since 1970."""
        if time is None:
            return np.nan
        if time not in self._times:
            moment = datetime.fromisoformat(time)
            moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
            self._times[time] = (moment - _EPOCH).total_seconds()
        return self._times[time]

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


def _short(value: object) -> str:
    """A JSON value for an error message, as JSON writes it."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A corpus file, unpacked if need be, with what goes wrong in reading it said in one line."""
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == _GZIP_MAGIC
            plain.seek(0)
            with gzip.open(plain) if packed else plain as file:
                yield io.BufferedReader(file) if packed else file  # type: ignore[misc]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise CorpusError(
            f"{path}: the gzip stream is damaged ({error}); allowed: a whole gzip file or plain "
            "JSON lines; hint: it may be truncated, fetch it again"
        ) from None
    except OSError as error:
        raise CorpusError(
            f"{path}: cannot be read ({error.strerror}); allowed: a file of JSON lines, plain or "
            "gzip; hint: check `text.source` or `--corpus`"
        ) from None
