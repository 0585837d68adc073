"""A table below a figure: rows of figures with a name each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """Cells as a reader sees them.

    Attributes:
        title: What it says.
        groups: Headings over neighbouring columns, and how many each is over; the first is over
            the rows' names.
        head: A heading for the rows' names, and one for each column.
        rows: A name and its cells.
        signs: Whether the names are session shapes.
    """

    title: str
    groups: tuple[tuple[str, int], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    signs: bool = False

    def __post_init__(self) -> None:
        wide = len(self.head)
        if any(len(row) != wide for row in self.rows) or sum(n for _, n in self.groups) != wide:
            raise ValueError(f"a row or groups of {self.title!r} do not have {wide} columns")
