"""A corpus as Parquet: the columns user, text and time, and a message a row.

User and text are strings, plain or by dictionary; time is a string of ISO 8601, a timestamp or a
date, or null. A timestamp without a zone is taken as UTC. Columns beyond the three are not read.
"""

from collections.abc import Iterable
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from gboard_sim.errors import CorpusError
from gboard_sim.learning.text.message import (
    COLUMNS,
    Message,
    Rows,
    seconds_of,
    since_1970,
    text_of,
    user_of,
)

MAGIC = b"PAR1"
ALLOWED = "a name in user, a string in text, and ISO 8601, a timestamp, a date or null in time"

_TOGETHER = 4096  # rows decoded together (assumed): memory, not speed
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # in a second, by a timestamp's unit


def rows(file: BinaryIO, where: str) -> Rows:
    """What each row of a file holds, a few thousand read at a time.

    Args:
        file: The file; it can seek.
        where: Its name, for messages.

    Raises:
        CorpusError: The file is no whole Parquet file, or lacks a column, or has it in a type that
            holds something else.
    """
    number = 0
    try:
        with pq.ParquetFile(file) as parquet:
            _check(parquet.schema_arrow, where)
            for batch in parquet.iter_batches(_TOGETHER, columns=list(COLUMNS), use_threads=False):
                times = _times(batch["time"])
                for fields in zip(_plain(batch["user"]), _plain(batch["text"]), times, strict=True):
                    number += 1
                    yield number, _message(*fields)
    except (pa.ArrowException, MemoryError, OSError, OverflowError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise CorpusError(
            f"{where}, after row {number}: the Parquet file is damaged ({reason[:200]}); allowed: "
            "a whole Parquet file; hint: it may be truncated or something else under that name"
        ) from None


def _check(schema: pa.Schema, where: str) -> None:
    """Refuses a file whose columns hold no messages."""
    for name in COLUMNS:
        found = schema.names.count(name)
        if found != 1:
            times = "there more than once" if found else "missing"
            raise CorpusError(
                f"{where}, column `{name}`: it is {times} among {', '.join(schema.names)[:120]!r}; "
                "allowed: each of user, text and time once; hint: rename the columns"
            )
        kind = schema.field(name).type
        if not (_is_string(kind) or (name == "time" and _is_time(kind))):
            allowed = "string, timestamp, date or null" if name == "time" else "string"
            raise CorpusError(
                f"{where}, column `{name}`: its type is {kind}; allowed: {allowed}; hint: cast it "
                "before writing"
            )


def _is_string(kind: pa.DataType) -> bool:
    """Whether a type is one of Arrow's strings, or a dictionary of them."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return kind in {pa.string(), pa.large_string(), pa.string_view()}


def _is_time(kind: pa.DataType) -> bool:
    """Whether a type holds moments, or nothing."""
    kinds = (pa.types.is_timestamp, pa.types.is_date, pa.types.is_null)
    return any(is_one(kind) for is_one in kinds)


def _plain(column: pa.Array) -> Iterable[object]:
    """The values of a column; bytes where a string is not UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    try:
        found: list[object] = column.to_pylist()
    except UnicodeDecodeError:
        return [_text(value) for value in column]
    return found


def _text(value: pa.Scalar) -> object:
    """A string, or its bytes where it is not UTF-8."""
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return value.as_buffer().to_pybytes()


def _times(column: pa.Array) -> Iterable[object]:
    """The values of the column time: strings, None, or seconds since 1970."""
    kind = column.type
    if pa.types.is_date(kind):
        column, kind = column.cast(pa.timestamp("s")), pa.timestamp("s")
    if not pa.types.is_timestamp(kind):
        return _plain(column)
    ticks = _TICKS[kind.unit]  # division of whole numbers, rounded once
    return [None if at is None else at / ticks for at in column.cast(pa.int64()).to_pylist()]


def _message(user: object, text: object, time: object) -> Message | str:
    """The message of a row, or what is wrong with it."""
    for name, value in (("user", user), ("text", text), ("time", time)):
        if isinstance(value, bytes):
            return f"column `{name}` is not UTF-8"
    try:
        time_s = since_1970(time) if isinstance(time, float) else seconds_of(time)
        return user_of(user), text_of(text), time_s
    except ValueError as error:
        return str(error)
