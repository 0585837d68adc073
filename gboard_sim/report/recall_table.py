"""Recall by group: unseen and seen users, earlier and later text, each class of phone."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents

_SETS = (
    ("test", "Test users, whose text was never trained on"),
    ("later", "Training users, what they typed last, never trained on"),
    ("phones", "Training users, as some phones reported of what their users typed last"),
    ("fleet", "Training users, what the phones trained on"),
)
_GROUPS = {
    "all": "all",
    "earlier": "earlier text",
    "later": "later text",
    "activity:low": "the third of phones that typed least",
    "activity:mid": "the third between",
    "activity:high": "the third of phones that typed most",
    "never trained": "phones of which no version had used an update",
    "injected": "the word that came into use",
}


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One group of one set.

    Attributes:
        group: In words.
        cells: Words judged, recall@3, recall@1, perplexity, share out of vocabulary.
    """

    group: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetRows:
    """The groups of a set of users at the last version at which it was judged.

    Attributes:
        title: The set, in words.
        version: The version.
        rows: All first.
    """

    title: str
    version: int
    rows: tuple[GroupRow, ...]


def tables(contents: Contents) -> list[SetRows]:
    """A table for each set that was judged; validation, which chose, is no result."""
    found = []
    for name, title in _SETS:
        table = contents.evaluations.filter(pc.equal(contents.evaluations["set"], name))
        if table.num_rows:
            version = pc.max(table["version"]).as_py()
            last = table.filter(pc.equal(table["version"], version))
            found.append(SetRows(title, version, _rows(last, contents.fleet.classes)))
    return found


def _rows(table: pa.Table, classes: tuple[str, ...]) -> tuple[GroupRow, ...]:
    order = [*_GROUPS, *(f"class:{name}" for name in classes)]
    rows = sorted(
        table.to_pylist(),
        key=lambda row: (
            order.index(row["group"]) if row["group"] in order else len(order),
            row["group"],
        ),
    )
    return tuple(
        GroupRow(
            _GROUPS.get(row["group"], row["group"].replace("class:", "phones of class ")),
            (
                quantity.count(row["positions"]),
                quantity.recall(row["recall_at_3"]),
                quantity.recall(row["recall_at_1"]),
                quantity.decimal(row["perplexity"]),
                quantity.share(row["oov_share"]),
            ),
        )
        for row in rows
    )
