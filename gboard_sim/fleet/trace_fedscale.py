"""FedScale's availability records: `{"active": [...], "inactive": [...], "finish_time": ...}`.

A client is available from each `active` to the `inactive` of the same place, in seconds; the record
repeats after `finish_time` (Lai et al., ICML 2022; other keys are not read). Where `active` has one
entry more, the client stays available to the end. What lies after `finish_time` is cut off, since
FedScale never comes to it.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any


def reader(records: Mapping[str, Any]) -> Callable[[Any], list[tuple[str, float, float]]]:
    """How to read one record of a file. It raises ValueError, TypeError or KeyError."""
    return _spells


def _spells(record: Any) -> list[tuple[str, float, float]]:
    """When the client is available."""
    finish_s = _seconds("finish_time", record["finish_time"])
    active = [_seconds("active", value) for value in record["active"]]
    inactive = [_seconds("inactive", value) for value in record["inactive"]]
    if len(active) == len(inactive) + 1:
        inactive.append(max(finish_s, active[-1]))
    if len(active) != len(inactive):
        raise ValueError(f"{len(active)} times in active do not go with {len(inactive)} inactive")
    for nth, (start_s, end_s) in enumerate(zip(active, inactive, strict=True)):
        if end_s < start_s:
            raise ValueError(f"inactive[{nth}] = {end_s:g} is before active[{nth}] = {start_s:g}")
    for nth, (end_s, start_s) in enumerate(zip(inactive, active[1:], strict=False)):
        if start_s < end_s:
            raise ValueError(
                f"active[{nth + 1}] = {start_s:g} is before inactive[{nth}] = {end_s:g}"
            )
    return [
        ("eligible", start_s, min(end_s, finish_s))
        for start_s, end_s in zip(active, inactive, strict=True)
        if start_s < min(end_s, finish_s)
    ]


def _seconds(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{key} holds {value!r}; allowed: seconds")
    if not isfinite(value) or value < 0:
        raise ValueError(f"{key} holds {value!r}; allowed: seconds from 0 on")
    return float(value)
