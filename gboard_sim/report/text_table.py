"""Rows of figures as lines of text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gboard_sim.report import quantity


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


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return quantity.significant(value) if quantity.known(value) else quantity.UNKNOWN
    return quantity.count(value) if isinstance(value, int) else str(value)
