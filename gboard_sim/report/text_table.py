"""Rows of figures as lines of text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gboard_sim.report import quantity

_LEAST = 12
"""Characters that a word is never cut below (assumed)."""


def lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A heading and a line for each row, in columns as wide as they must be.

    Args:
        rows: At least one; all have the keys of the first, in its order.
    """
    cells = [list(rows[0]), *([_cell(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    # Words begin where their column begins; figures end where it ends.
    words = [isinstance(value, str) for value in rows[0].values()]
    for line in cells:
        placed = (
            cell.ljust(width) if word else cell.rjust(width)
            for cell, width, word in zip(line, widths, words, strict=True)
        )
        yield "  ".join(placed).rstrip()


def fitted(
    rows: Sequence[Mapping[str, Any]], width: int, spare: Sequence[str]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of which a line has room, and the columns that it has no room for.

    Args:
        rows: At least one.
        width: Characters in a line.
        spare: Columns that may be left out, the first one first; some may not be there. Where that
            is not enough, the widest words are cut.
    """
    kept, left_out = [dict(row) for row in rows], []
    for name in spare:
        if _width(kept) <= width:
            break
        if name in kept[0]:
            left_out.append(name)
            kept = [{key: row[key] for key in row if key != name} for row in kept]
    while (over := _width(kept) - width) > 0:
        words = {key: max(len(str(row[key])) for row in kept) for key in _words(kept)}
        widest = max(words, key=lambda key: words[key], default=None)
        if widest is None or words[widest] <= _LEAST:
            break
        most = max(_LEAST, words[widest] - over)
        for row in kept:
            row[widest] = _cut(str(row[widest]), most)
    return kept, left_out


def _width(rows: Sequence[Mapping[str, Any]]) -> int:
    return max(map(len, lines(rows)))


def _words(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [key for key, value in rows[0].items() if isinstance(value, str)]


def _cut(word: str, most: int) -> str:
    return word if len(word) <= most else f"{word[: most - 1]}…"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return quantity.significant(value) if quantity.known(value) else quantity.UNKNOWN
    return quantity.count(value) if isinstance(value, int) else str(value)
