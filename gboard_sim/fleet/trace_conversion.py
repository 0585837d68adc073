"""Turns other simulators' traces into this one's: reads the file, phone by phone."""

import json
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal, NoReturn

import numpy as np

from gboard_sim.errors import TraceError
from gboard_sim.fleet import trace_fedscale, trace_flash
from gboard_sim.fleet.trace import check_trace
from gboard_sim.trace_file import TraceRows, write_rows

Form = Literal["fedscale", "flash"]
Spell = tuple[str, float, float]
"""A signal or `eligible`, from when, and until when, in seconds."""

_FORMS: dict[str, Callable[[Mapping[str, Any]], Callable[[Any], list[Spell]]]] = {
    "fedscale": trace_fedscale.reader,
    "flash": trace_flash.reader,
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """What came of converting a trace.

    Attributes:
        phones: Phones written.
        rows: Rows written.
        days: Length of the trace, the last day rounded up.
        without_rows: Good phones of which no signal ever held: they are not in the trace.
        skipped: For each phone that was left out, why.
    """

    phones: int
    rows: int
    days: int
    without_rows: int
    skipped: tuple[str, ...]


def convert(path: Path, form: Form, out: Path, *, skip_bad_phones: bool = False) -> Conversion:
    """Writes a trace in this simulator's form.

    Args:
        path: FedScale's availability file (JSON, or a pickle of plain values), or FLASH's JSON.
        form: Whose form it has.
        out: The file to write: CSV where its name ends so, else Parquet.
        skip_bad_phones: Leave out phones whose record is wrong, rather than refuse the first.

    Raises:
        TraceError: The file or a phone's record cannot be used, or `out` cannot be written.
    """
    records = _read(path)
    if not isinstance(records, Mapping) or not records:
        raise TraceError(f"{path}: allowed: an object of phones to their records, not empty")
    spells: dict[str, list[Spell]] = {}
    skipped = []
    read = _FORMS[form](records)
    for phone, record in records.items():
        try:
            spells[str(phone)] = read(record)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = f"phone {str(phone)!r}: {_said(error)}"
            if not skip_bad_phones:
                raise TraceError(
                    f"{path}, {reason}; hint: --skip-bad-phones leaves such phones out"
                ) from None
            skipped.append(reason)
    rows = _rows(spells, str(path))
    trace = check_trace(rows)
    write_rows(rows, out)
    return Conversion(
        phones=len(rows.phones),
        rows=len(rows),
        days=trace.days,
        without_rows=len(spells) - len(rows.phones),
        skipped=tuple(skipped),
    )


def _said(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"key {error} is missing"
    return str(error)


def _rows(spells: Mapping[str, Iterable[Spell]], source: str) -> TraceRows:
    """Rows of all phones that have one, in order of time within a phone."""
    phones, phone, start_s, end_s, signals = [], [], [], [], []
    for name, found in spells.items():
        mine = sorted(found, key=lambda spell: spell[1:])
        phones += [name] if mine else []
        phone += [len(phones) - 1] * len(mine)
        signals += [signal for signal, _, _ in mine]
        start_s += [start for _, start, _ in mine]
        end_s += [end for _, _, end in mine]
    sets = sorted(set(signals))
    return TraceRows(
        source,
        tuple(phones),
        np.array(phone, dtype=np.int64),
        np.array(start_s, dtype=np.float64),
        np.array(end_s, dtype=np.float64),
        tuple(sets),
        np.array([sets.index(name) for name in signals], dtype=np.int64),
    )


class _PlainUnpickler(pickle.Unpickler):
    """Admits plain values only: a pickle that names a class could run any code, and is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it holds {module}.{name}, not only plain values")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside")


def _read(path: Path) -> Any:
    """What a file holds: a pickle is told by its first byte, anything else is JSON."""
    try:
        content = path.read_bytes()
        if content.startswith(b"\x80") or path.suffix in (".pkl", ".pickle"):
            return _PlainUnpickler(BytesIO(content)).load()
        return json.loads(content)
    except RecursionError:
        reason = "it is nested too deeply"
    except MemoryError:
        reason = "it asks for more memory than there is"
    except Exception as error:  # a damaged pickle may raise anything
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise TraceError(
        f"{path}: cannot be read: {reason}; allowed: JSON, or a pickle of plain dicts, lists, "
        "numbers and strings; hint: write anything else as JSON where you trust the file"
    )
