"""The table of a sweep: one row for each run, with its point and what it came to.

| column | meaning |
|---|---|
| `run` | name of the run's directory under `runs/` |
| `setting` | the point without its seed, in one line; runs that share it are repeats |
| `seed` | the run's seed |
| `status`, `message` | `done`, or `failed` and why; a failed run has no figures |
| one for each swept key | its value; a table as JSON |
| `validation_recall_at_3` | validation users, last version: what choices are made on |
| `course` | the same by version, with days, bytes and joules up to it: see `course.py` |
| `recall_at_1`, ... | figures of the run's `summary.json`, by the names that they have there |
| `wall_s` | seconds that the run took; the only column that depends on the machine |

`epsilon_policy` is null without a mechanism or where the log breaks its bounds, and infinite where
a mechanism clips without noise. With `privacy.noise_cohort` it is null too: `epsilon_extrapolated`
is that of the larger fleet, which `privacy_extrapolated` names.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gboard_sim.experiment.file import Point
from gboard_sim.runlog.directory import RunDirectory, aside
from gboard_sim.sweep import course as sweep_course

FIGURES: Mapping[str, pa.DataType] = {
    "recall_at_1": pa.float64(),
    "recall_at_3": pa.float64(),
    "recall_at_3_version_0": pa.float64(),
    "recall_at_3_seen_users": pa.float64(),
    "perplexity": pa.float64(),
    "ngram_recall_at_3": pa.float64(),
    "ceiling_share": pa.float64(),
    "versions": pa.int64(),
    "stop_reason": pa.string(),
    "simulated_days": pa.float64(),
    "phones": pa.int64(),
    "phones_participated": pa.int64(),
    "sessions": pa.int64(),
    "trained_tokens": pa.int64(),
    "wire_share": pa.float64(),
    "uplink_bytes": pa.int64(),
    "downlink_bytes": pa.int64(),
    "uplink_bytes_per_phone_mean": pa.float64(),
    "downlink_bytes_per_phone_mean": pa.float64(),
    "energy_j_per_phone_mean": pa.float64(),
    "energy_j_per_phone_mean_low": pa.float64(),
    "energy_j_per_phone_mean_high": pa.float64(),
    "epsilon_policy": pa.float64(),
    "epsilon_realised": pa.float64(),
    "epsilon_extrapolated": pa.float64(),
    "privacy_extrapolated": pa.string(),
    "parameters_sha256": pa.string(),
}
"""What a row takes from a summary."""


def row(point: Point, directory: RunDirectory, failure: str | None) -> dict[str, Any]:
    """One run's row.

    Args:
        point: What was run.
        directory: Its run directory; whole unless it failed.
        failure: Why it failed, None where it did not.
    """
    found: dict[str, Any] = {
        "run": point.name,
        "setting": point.setting,
        "seed": point.experiment.run.seed,
        "status": "done" if failure is None else "failed",
        "message": failure,
        **{key: _cell(value) for key, value in point.values.items()},
        "validation_recall_at_3": None,
        "course": None,
        **dict.fromkeys(FIGURES),
        "wall_s": None,
    }
    if failure is None:
        summary = directory.read_json("summary.json")
        found |= {key: _number(summary.get(key)) for key in FIGURES}
        found["course"] = sweep_course.course(directory, summary["phones"])
        if found["course"]:
            found["validation_recall_at_3"] = found["course"][-1]["validation_recall_at_3"]
        found["wall_s"] = summary.get("machine", {}).get("wall_s")
    return found


def write(path: Path, rows: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    """Write the rows, of which there is at least one, as a Parquet file.

    Raises:
        RunDirectoryError: It cannot be written.
    """
    words = dict.fromkeys(("run", "setting", "status", "message"), pa.string())
    judged = {"validation_recall_at_3": pa.float64(), "course": sweep_course.TYPE}
    figures = {**judged, **FIGURES, "wall_s": pa.float64()}
    points = {key: _type([one[key] for one in rows]) for key in keys}
    types = {**words, "seed": pa.int64(), **points, **figures}
    texts = [key for key in keys if pa.types.is_string(types[key])]
    cells = [{**one, **{key: _said(one[key]) for key in texts}} for one in rows]
    schema = pa.schema([(name, types[name]) for name in rows[0]])
    with aside(path) as partial:
        pq.write_table(pa.Table.from_pylist(cells, schema=schema), partial)


def _cell(value: Any) -> Any:
    """A swept value as a row has it: what is no word and no number as JSON."""
    return json.dumps(value) if isinstance(value, Mapping | list | tuple) else value


def _type(values: Sequence[Any]) -> pa.DataType:
    """The narrowest type that holds a key's values."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return pa.bool_()
    if kinds == {int}:
        return pa.int64()
    return pa.float64() if kinds <= {int, float} else pa.string()


def _said(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _number(value: Any) -> Any:
    """Summaries write infinity as a word, JSON having none."""
    return float("inf") if value == "infinity" else value
