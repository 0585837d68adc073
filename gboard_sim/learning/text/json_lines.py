"""A corpus as JSON lines: `{"user": str, "text": str, "time": ISO 8601 or null}`.

Keys beyond the three are ignored, and so are lines of white space.
"""

import json
from typing import BinaryIO

from gboard_sim.learning.text.message import (
    COLUMNS,
    LONGEST,
    Message,
    Rows,
    seconds_of,
    text_of,
    user_of,
)

ALLOWED = 'one JSON object a line, {"user": str, "text": str, "time": ISO 8601 or null}'


def lines(file: BinaryIO) -> Rows:
    """What each line of a file holds, one after another."""
    number = 0
    while raw := file.readline(LONGEST + 1):
        number += 1
        if len(raw) > LONGEST:
            while not raw.endswith(b"\n") and (raw := file.readline(LONGEST)):
                pass
            yield number, f"longer than the {LONGEST} bytes that a line may have"
        elif raw.strip():
            yield number, _message(raw if number > 1 else raw.removeprefix(b"\xef\xbb\xbf"))


def _message(raw: bytes) -> Message | str:
    """The message of a line, or what is wrong with it."""
    try:
        row = json.loads(raw.decode())
        if not isinstance(row, dict):
            return f"a JSON {type(row).__name__}, not an object"
        for key in COLUMNS:
            if key not in row:
                return f"key `{key}` is missing"
        return user_of(row["user"]), text_of(row["text"]), seconds_of(row["time"])
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte 0x{raw[error.start]:02x} at column {error.start + 1})"
    except json.JSONDecodeError as error:
        return f"not JSON ({error.msg} at column {error.pos + 1})"
    except (ValueError, RecursionError) as error:
        return str(error)
