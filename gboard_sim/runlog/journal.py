"""The journal: everything that crosses the seam, appended in order and never rewritten.

Rows gather in memory and are written as a numbered part of each table whenever the learner has a
checkpoint; a part is written aside and renamed, so a run killed at any moment leaves whole parts
only. At the end the parts become one Parquet file per table, in row groups of a fixed size, so
that a run that was killed and resumed ends with the same bytes as one that was not.

A resumed fleet repeats itself from the start. The rows that it had already written are compared
with a running digest instead of being written again, which proves that the fleet did repeat.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gboard_sim.errors import RunDirectoryError
from gboard_sim.runlog.answers import measure_row, outcome_row
from gboard_sim.runlog.directory import aside, read_table, writing
from gboard_sim.runlog.tables import SCHEMAS
from gboard_sim.seam.records import Cohort, Ints, LocalWork, Measure, Outcome, Sessions, Stint
from gboard_sim.seam.uploads import Dropouts, StintRows, Uploads

ROW_GROUP = 65_536
"""Rows in a Parquet row group: a power of two near pyarrow's advice of 10^5 (assumed)."""

REPLAYED = ("sessions", "cohorts", "dropouts", "installed")
"""Tables that a resumed fleet writes again from the start."""


class Journal:
    """The tables of one run, as they grow.

    Args:
        folder: Where the parts lie until the run is over.
        position: What an earlier `flush` returned, to go on from there; None starts afresh.
        spills: Whether to write a part whenever much waits, for a run without checkpoints.
    """

    def __init__(
        self, folder: Path, position: Mapping[str, Any] | None = None, *, spills: bool = False
    ) -> None:
        self._folder = folder
        self._parts = int(position["parts"]) if position else 0
        self._spills = spills
        self._rows = {name: 0 for name in SCHEMAS}
        self._digest = {name: blake2b(digest_size=16) for name in REPLAYED}
        self._waiting: dict[str, list[pa.Table]] = {name: [] for name in SCHEMAS}
        self._repeat = {
            name: (int(position["rows"][name]), str(position["digests"][name]))
            if position
            else (0, "")
            for name in REPLAYED
        }
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob("*.parquet"):
            if int(stale.name.split(".")[0]) >= self._parts:
                stale.unlink()

    def sessions(self, block: Sessions) -> None:
        """Append a block of finished sessions."""
        columns = [pa.array(getattr(block, field.name)) for field in SCHEMAS["sessions"]]
        self._append("sessions", pa.Table.from_arrays(columns, schema=SCHEMAS["sessions"]))

    def installed(self, at_s: float, version: Ints, phones: Ints) -> None:
        """Append how many phones serve each version. Shape [n] each."""
        columns = [np.full(len(version), at_s), version, phones]
        schema = SCHEMAS["installed"]
        arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
        self._append("installed", pa.Table.from_arrays(arrays, schema=schema))

    def cohort(self, cohort: Cohort) -> None:
        """Append the uploads of a closed cohort, one row each."""
        uploads, n = Uploads.of(cohort.uploads), len(cohort.uploads)
        columns = {
            "makes_version": np.full(n, cohort.makes_version),
            "task": np.full(n, cohort.task),
            "closed_s": np.full(n, cohort.closed_s),
            "oldest_version": np.full(n, cohort.oldest_version),
            "weight": np.array(cohort.weights),
            "stints": _stint_lists(uploads.stints),
            **{
                name: getattr(uploads, name)
                for name in ("session", "phone", "nth", "payload_bytes", "sent_s", "arrived_s")
            },
        }
        schema = SCHEMAS["cohorts"]
        arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
        self._append("cohorts", pa.Table.from_arrays(arrays, schema=schema))

    def dropouts(self, cohort: Cohort) -> None:
        """Append the attempts that a closed cohort does not use, one row each."""
        lost = Dropouts.of(cohort.dropouts)
        columns = {
            "makes_version": np.full(len(lost), cohort.makes_version),
            "stints": _stint_lists(lost.stints),
            **{name: getattr(lost, name) for name in ("session", "phone", "shape", "at_s")},
        }
        schema = SCHEMAS["dropouts"]
        arrays = [pa.array(columns[field.name], type=field.type) for field in schema]
        self._append("dropouts", pa.Table.from_arrays(arrays, schema=schema))

    def copy(self, name: str, table: pa.Table) -> None:
        """Append the rows of a table of another run."""
        self._append(name, table)

    def version(self, cohort: Cohort, *, tokens: int, loss: float, update_norm: float) -> None:
        """Append the version that a cohort made.

        Args:
            cohort: The cohort.
            tokens: Tokens trained on for it.
            loss: Mean training loss per token; NaN where nothing was learned, as `update_norm`.
            update_norm: L2 norm of the mean update.
        """
        uploads = Uploads.of(cohort.uploads)
        staleness = cohort.makes_version - 1 - uploads.base
        row = {
            "version": cohort.makes_version,
            "closed_s": cohort.closed_s,
            "uploads": len(uploads),
            "staleness_mean": float(staleness.mean()) if len(staleness) else 0.0,
            "staleness_max": int(staleness.max(initial=0)),
            "stints": len(uploads.stints.phone),
            "trained_tokens": tokens,
            "loss": loss,
            "update_norm": update_norm,
        }
        self.rows("versions", [row])

    def outcome(self, outcome: Outcome) -> None:
        """Append what the learner answered for one version."""
        self.rows("answers", [outcome_row(outcome)])

    def measure(self, session: int, measure: Measure) -> None:
        """Append what the learner answered for one attempt."""
        self.rows("answers", [measure_row(session, measure)])

    def rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows to a table that the learner writes."""
        self._append(name, pa.Table.from_pylist(list(rows), schema=SCHEMAS[name]))

    def flush(self) -> dict[str, Any]:
        """Write what waits as the next part of each table, and say how far the journal reaches.

        Returns:
            The position to hand to a later `Journal`: parts, rows and digests.
        """
        for name, tables in self._waiting.items():
            if tables:
                path = self._folder / f"{self._parts:06d}.{name}.parquet"
                _write(path, SCHEMAS[name], tables)
                tables.clear()
        self._parts += 1
        return {
            "parts": self._parts,
            "rows": {name: self._rows[name] for name in REPLAYED},
            "digests": {name: self._digest[name].hexdigest() for name in REPLAYED},
        }

    def table(self, name: str) -> pa.Table:
        """Everything in a table so far."""
        parts = [read_table(path) for path in self._paths(name)]
        return pa.concat_tables([SCHEMAS[name].empty_table(), *parts, *self._waiting[name]])

    def join(self, target: Path) -> None:
        """Join the parts of every table into one file each in `target`.

        Raises:
            RunDirectoryError: A resumed fleet ended before it had repeated all that is recorded.
        """
        for name, (until, _) in self._repeat.items():
            if self._rows[name] < until:
                raise self._differs(name)
        self.flush()
        for name, schema in SCHEMAS.items():
            parts = (read_table(path) for path in self._paths(name))
            _write(target / f"{name}.parquet", schema, parts)

    def _differs(self, name: str) -> RunDirectoryError:
        return RunDirectoryError(
            f"{self._folder.parent}: {name} of the resumed fleet differ from those recorded: the "
            "directory comes from another version of gboard_sim or its libraries; start a new run"
        )

    def _paths(self, name: str) -> list[Path]:
        return sorted(self._folder.glob(f"*.{name}.parquet"))

    def _append(self, name: str, table: pa.Table) -> None:
        """Keep new rows; of rows that a resumed fleet repeats keep only the digest."""
        if name in REPLAYED:
            until, expected = self._repeat[name]
            repeated = min(max(until - self._rows[name], 0), table.num_rows)
            for piece in (table.slice(0, repeated), table.slice(repeated)):
                if not piece.num_rows:
                    continue
                for row in _row_bytes(piece):
                    self._digest[name].update(row)
                self._rows[name] += piece.num_rows
                if self._rows[name] == until and self._digest[name].hexdigest() != expected:
                    raise self._differs(name)
            table = table.slice(repeated)
        if table.num_rows:
            self._waiting[name].append(table)
            waiting = sum(part.num_rows for part in self._waiting[name]) if self._spills else 0
            if waiting >= ROW_GROUP:
                self.flush()


def _row_bytes(table: pa.Table) -> Iterable[bytes]:
    """Bytes that differ when any value of the rows differs, whatever block they came in.

    Cohorts come whole, so their columns are taken one after another.
    """
    if table.schema.equals(SCHEMAS["sessions"]):
        columns = [np.asarray(column) for column in table.columns]
        widened = [c.astype("U16") if c.dtype == object else c for c in columns]
        yield np.rec.fromarrays(widened).tobytes()
    else:
        yield from _column_bytes(table.column_names, table.columns)


def _column_bytes(
    names: Sequence[str], columns: Iterable[pa.Array | pa.ChunkedArray]
) -> Iterable[bytes]:
    """The values of columns, those of lists and structures included."""
    for name, column in zip(names, columns, strict=True):
        whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        if pa.types.is_list(whole.type) or pa.types.is_fixed_size_list(whole.type):
            yield from _column_bytes([name], [whole.flatten()])
            yield name.encode() + np.asarray(whole.value_lengths()).tobytes()
        elif pa.types.is_struct(whole.type):
            yield from _column_bytes([f"{name}.{f.name}" for f in whole.type], whole.flatten())
        else:
            values = np.asarray(whole.to_numpy(zero_copy_only=False))
            held = values.astype("U16") if values.dtype == object else values
            yield name.encode() + held.tobytes()


def _stint_lists(stints: StintRows) -> pa.Array:
    """The stints of each upload, as the column of the table `cohorts`."""
    kind = SCHEMAS["cohorts"].field("stints").type
    stint = kind.value_type
    works = pa.array([asdict(work) for work in stints.works], type=stint.field("local").type)
    rows = np.stack([stints.row_first, stints.row_last], axis=1).ravel()
    columns = {
        "local": works.take(pa.array(stints.work)),
        "rows": pa.FixedSizeListArray.from_arrays(pa.array(rows), 2),
        **{
            name: pa.array(getattr(stints, name))
            for name in ("phone", "nth", "version", "tokens", "began_s", "ended_s")
        },
    }
    fields = [stint.field(place) for place in range(stint.num_fields)]
    structs = pa.StructArray.from_arrays(
        [columns[f.name].cast(f.type) for f in fields], fields=fields
    )
    return pa.ListArray.from_arrays(pa.array(stints.first, pa.int32()), structs, type=kind)


def _write(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    """One Parquet file from a stream of tables, in row groups of a fixed size."""
    held: list[pa.Table] = []
    with (
        aside(path) as partial,
        partial.open("wb") as file,  # by name, a path with a colon would be taken for a URI
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        for table in tables:
            held.append(table)
            whole = pa.concat_tables(held)
            full = whole.num_rows - whole.num_rows % ROW_GROUP
            if full:
                writer.write_table(whole.slice(0, full).combine_chunks(), row_group_size=ROW_GROUP)
            held = [whole.slice(full)]
        if held:
            writer.write_table(pa.concat_tables(held).combine_chunks(), row_group_size=ROW_GROUP)


def read_stint(row: Mapping[str, Any]) -> Stint:
    """A stint from its row in the table `cohorts`."""
    return Stint(**{**row, "local": LocalWork(**row["local"]), "rows": tuple(row["rows"])})
