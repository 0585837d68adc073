"""One message of a corpus file: who, what and when, each checked in one place for every format."""

import json
from collections.abc import Generator
from datetime import UTC, datetime
from functools import lru_cache
from math import nan

Message = tuple[str, str, float]
"""The user's name, the text, and seconds since 1970 in UTC, NaN where the file has none."""

Found = tuple[int, Message | str]
"""What one line or row holds: its number, counted from 1, and a message or what is wrong with it.

A plain tuple, because a corpus has millions of them.
"""

Rows = Generator[Found, None, None]
"""What a file's lines or rows hold, one after another; closing it gives back what it holds."""

LONGEST = 1 << 20
"""Bytes in a line and characters in a field: more is no message but a damaged file (assumed)."""

COLUMNS = ("user", "text", "time")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_S = (datetime.min.replace(tzinfo=UTC) - _EPOCH).total_seconds()
_LAST_S = (datetime.max.replace(tzinfo=UTC) - _EPOCH).total_seconds()


def user_of(value: object) -> str:
    """A user's name.

    Raises:
        ValueError: Says why it is none, in words for the user.
    """
    if isinstance(value, str) and value.strip():
        return _short_enough("user", value)
    raise ValueError(f"user={quoted(value)} is not a name")


def text_of(value: object) -> str:
    """A message's text, which may be empty.

    Raises:
        ValueError: Says why it is none, in words for the user.
    """
    if isinstance(value, str):
        return _short_enough("text", value)
    raise ValueError(f"text={quoted(value)} is not a string")


def seconds_of(value: object) -> float:
    """Seconds since 1970 of an ISO 8601 string; NaN of None. Without a zone it is UTC.

    Raises:
        ValueError: Says why it is none, in words for the user.
    """
    if value is None:
        return nan
    try:
        time_s = _iso_seconds(value)
    except (TypeError, ValueError):
        raise ValueError(f"time={quoted(value)} is neither ISO 8601 nor null") from None
    return since_1970(time_s)


def since_1970(time_s: float) -> float:
    """Seconds since 1970 themselves, where a calendar has them.

    Raises:
        ValueError: They are outside the years 1 to 9999, which ISO 8601 can write.
    """
    if _FIRST_S <= time_s <= _LAST_S:
        return time_s
    raise ValueError(f"time={time_s:.6g} s since 1970 is outside the years 1 to 9999")


def quoted(value: object) -> str:
    """A value for an error message, as JSON writes it."""
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


@lru_cache(maxsize=1 << 16)  # assumed: a log's times repeat within a stretch of it
def _iso_seconds(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 string."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (moment - _EPOCH).total_seconds()


def _short_enough(key: str, value: str) -> str:
    """The value, unless it is too long to be part of a message."""
    if len(value) <= LONGEST:
        return value
    raise ValueError(f"{key} of {len(value)} characters; at most {LONGEST} are allowed")
