"""A trace file: rows of phone, start, end and signals, as Parquet or CSV.

Columns: `phone`, a string or whole number; `start_s` and `end_s`, seconds since the trace began;
`signals`, text such as `idle|charging`. Others are not read. Parquet is told by its first bytes,
anything else is CSV in UTF-8 with a header.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.parquet as pq

from gboard_sim.errors import TraceError
from gboard_sim.seam.records import Floats, Ints

COLUMNS = ("phone", "start_s", "end_s", "signals")
ALLOWED = "Parquet or CSV with the columns phone, start_s, end_s, signals"
_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class TraceRows:
    """The rows of a trace as they stand, unchecked but for their types.

    Attributes:
        source: Where they come from, for messages.
        phones: Phones in the order in which they first appear.
        phone: Which phone each row is about. Shape [n].
        start_s: Shape [n].
        end_s: Shape [n].
        signal_sets: The different entries of `signals`.
        signals: Which of them each row has. Shape [n].
    """

    source: str
    phones: tuple[str, ...]
    phone: Ints
    start_s: Floats
    end_s: Floats
    signal_sets: tuple[str, ...]
    signals: Ints

    def __len__(self) -> int:
        return len(self.phone)


def read_rows(path: Path | str) -> TraceRows:
    """The rows of a trace file.

    Raises:
        TraceError: It cannot be read, lacks a column, or a row holds something else than the
            column's kind of value.
    """
    table = _table(Path(path))
    for name in COLUMNS:
        if table.column_names.count(name) != 1:
            there = ", ".join(table.column_names)[:120]
            raise TraceError(
                f"{path}: column {name!r} is not there once among {there!r}; allowed: {ALLOWED}"
            )
    phones, phone = _coded(table["phone"], "phone", path)
    sets, signals = _coded(table["signals"], "signals", path)
    start_s, end_s = (_numbers(table[name], name, path) for name in ("start_s", "end_s"))
    return TraceRows(str(path), phones, phone, start_s, end_s, sets, signals)


def write_rows(rows: TraceRows, path: Path) -> None:
    """Writes a trace file: CSV where the name ends so, else Parquet.

    Raises:
        TraceError: It cannot be written.
    """
    columns: dict[str, Any] = {
        "phone": pa.DictionaryArray.from_arrays(rows.phone.astype(np.int32), list(rows.phones)),
        "start_s": rows.start_s,
        "end_s": rows.end_s,
        "signals": pa.DictionaryArray.from_arrays(
            rows.signals.astype(np.int32), list(rows.signal_sets)
        ),
    }
    try:
        if path.suffix == ".csv":
            for name in ("phone", "signals"):
                columns[name] = columns[name].cast(pa.string())
            pv.write_csv(pa.table(columns), path)
        else:
            pq.write_table(pa.table(columns), path, compression="zstd")
    except (OSError, pa.ArrowException) as error:
        raise TraceError(f"{path}: cannot be written: {_reason(error)}") from None


def _table(path: Path) -> pa.Table:
    """The file's table; CSV as strings throughout."""
    try:
        with path.open("rb") as file:
            parquet = file.read(len(_MAGIC)) == _MAGIC
        if parquet:
            with pq.ParquetFile(path) as opened:
                names = opened.schema_arrow.names
                return opened.read([name for name in COLUMNS if name in names])
        types = dict.fromkeys(COLUMNS, pa.string())
        convert = pv.ConvertOptions(column_types=types, strings_can_be_null=False)
        return pv.read_csv(path, convert_options=convert)
    except (OSError, pa.ArrowException, UnicodeDecodeError, ValueError) as error:
        raise TraceError(
            f"{path}: not a readable trace: {_reason(error)}; allowed: {ALLOWED}"
        ) from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _coded(column: pa.ChunkedArray, name: str, path: Path | str) -> tuple[tuple[str, ...], Ints]:
    """The different texts of a column in the order of their first rows, and each row's."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)) and (
        name == "signals" or not pa.types.is_integer(kind)
    ):
        allowed = "string" if name == "signals" else "string or whole number"
        raise TraceError(f"{path}: column {name!r} is of the type {kind}; allowed: {allowed}")
    text = column.cast(kind).cast(pa.large_string())
    empty = np.flatnonzero(pc.fill_null(pc.equal(text, ""), fill_value=True).to_numpy())
    if len(empty):
        raise TraceError(f"{path}, row {empty[0] + 1}: {name} is empty; allowed: {ALLOWED}")
    coded = text.combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return tuple(coded.dictionary.to_pylist()), codes


def _numbers(column: pa.ChunkedArray, name: str, path: Path | str) -> Floats:
    """A column of seconds; NaN where there is none."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    if not (text or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise TraceError(f"{path}: column {name!r} is of the type {kind}; allowed: numbers")
    column = column.cast(kind)
    try:
        numbers = column.cast(pa.float64(), safe=False)
    except pa.ArrowInvalid:
        values = column.to_pylist()
        row = next((row for row, value in enumerate(values) if not _is_number(value)), 0)
        raise TraceError(
            f"{path}, row {row + 1}: {name} = {values[row]!r} is no number; allowed: seconds "
            "since the trace began"
        ) from None
    filled: Floats = pc.fill_null(numbers, float("nan")).to_numpy()
    return filled


def _is_number(text: str | None) -> bool:
    try:
        pa.scalar(text).cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True
