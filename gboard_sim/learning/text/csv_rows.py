"""A corpus as CSV: a header with the columns user, text and time, and a message a row.

A comma, a tab or a semicolon separates columns, whichever makes the header hold all three; quoting
is that of RFC 4180, so a quoted field may hold separators, line ends and doubled quotes. Columns
beyond the three are ignored, and so are lines of white space. An empty time is none.
"""

import csv
import re
from collections.abc import Iterator
from typing import BinaryIO

from gboard_sim.errors import CorpusError
from gboard_sim.learning.text.message import (
    COLUMNS,
    LONGEST,
    Message,
    Rows,
    seconds_of,
    text_of,
    user_of,
)

ALLOWED = (
    "as many columns as the header has, a name in user, anything in text, and ISO 8601 or nothing "
    "in time"
)

_SEPARATORS = ",\t;"
_BROKEN_OFF = "unexpected end of data"  # what `csv` says of a quote that nobody closed
_ESCAPED = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8, after `surrogateescape`


def rows(file: BinaryIO, where: str) -> Rows:
    """What each row of a file holds, under the number of the line that it begins on.

    Args:
        file: The file, past no byte of it.
        where: Its name, for messages.

    Raises:
        CorpusError: The first line is no header with the three columns, or a quote is not closed.
    """
    source = _Lines(file)
    header, separator = _header(source, where)
    places = [header.index(name) for name in COLUMNS]
    before = csv.field_size_limit(LONGEST)
    try:
        reader = csv.reader(source, delimiter=separator, strict=True)
        while True:
            number = source.number + 1
            try:
                fields = next(reader)
            except StopIteration:
                return
            except (csv.Error, ValueError) as error:
                if str(error) == _BROKEN_OFF:
                    raise CorpusError(
                        f"{where}, line {number}: a quote that opens in this row is never closed, "
                        "so nobody can count the rows behind it; allowed: a closing quote for "
                        "every opening one; hint: close it, or double the quotes inside a field"
                    ) from error
                yield number, f"not CSV ({error})"
                continue
            if len(fields) == len(header):
                yield number, _message([fields[place] for place in places])
            elif any(map(str.strip, fields)):
                plural = "" if len(fields) == 1 else "s"
                yield number, f"{len(fields)} column{plural}, where the header has {len(header)}"
    finally:
        csv.field_size_limit(before)


class _Lines(Iterator[str]):
    """The lines of a file for the CSV reader, which asks for more where a field goes on.

    Attributes:
        number: Lines handed over so far.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.number = 0

    def __next__(self) -> str:
        """The next line.

        Raises:
            ValueError: It is too long; the one after it comes next.
        """
        raw = self._file.readline(LONGEST + 1)
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) > LONGEST:
            while not raw.endswith(b"\n") and (raw := self._file.readline(LONGEST)):
                pass
            raise ValueError(f"longer than the {LONGEST} bytes that a line may have")
        if self.number == 1:
            raw = raw.removeprefix(b"\xef\xbb\xbf")
        return raw.decode(errors="surrogateescape")


def _header(source: _Lines, where: str) -> tuple[list[str], str]:
    """The names of the columns, and what separates them."""
    try:
        line = next(source, "")
        found = f"it is {line.strip()[:80]!r}"
    except ValueError as error:
        line, found = "", str(error)
    if _ESCAPED.search(line):
        line, found = "", "it is not UTF-8"
    for separator in _SEPARATORS:
        try:
            names = [name.strip() for name in next(csv.reader([line], delimiter=separator))]
        except (csv.Error, StopIteration):
            continue
        if all(names.count(name) == 1 for name in COLUMNS):
            return names, separator
        if len(names) > 1:
            wrong = next(name for name in COLUMNS if names.count(name) != 1)
            times = "there more than once" if wrong in names else "missing"
            found = f"column `{wrong}` is {times} among {', '.join(names)[:120]!r}"
    raise CorpusError(
        f"{where}, line 1: no header with the columns user, text and time: {found}; allowed: a "
        "first line that names each of the three once, separated by commas, tabs or semicolons; "
        "hint: rename the columns"
    )


def _message(fields: list[str]) -> Message | str:
    """The message of a row's user, text and time, or what is wrong with it."""
    for name, field in zip(COLUMNS, fields, strict=True):
        if not field.isascii() and (bad := _ESCAPED.search(field)):
            byte = ord(bad[0]) - 0xDC00
            return f"not UTF-8 (byte 0x{byte:02x} in column `{name}`)"
    try:
        return user_of(fields[0]), text_of(fields[1]), seconds_of(fields[2] or None)
    except ValueError as error:
        return str(error)
