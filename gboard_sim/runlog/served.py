"""What the phones' keyboards really have: *served* recall, and how far behind they are.

A phone predicts with the version that it has installed. So the recall that a fleet is served is the
mean of the versions' recall over the phones, where a phone without any version counts as 0. A
version that was not evaluated counts as the newest evaluated one not after it.

The table `served` has a row for each hour of the table `installed`:

| column | meaning |
|---|---|
| `at_s` | when |
| `phones_served` | share of the phones that have a version |
| `recall_at_3` | served recall on all validation positions |
| `recall_at_3_injected` | the same on positions of the injected word; null without one |
| `lag_mean`, `lag_p90` | versions between the newest and the installed one, over phones with one |
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gboard_sim.runlog.directory import RunDirectory, aside
from gboard_sim.seam.records import Flags, Floats, Ints

SCHEMA = pa.schema(
    [
        (name, pa.float64())
        for name in (
            "at_s",
            "phones_served",
            "recall_at_3",
            "recall_at_3_injected",
            "lag_mean",
            "lag_p90",
        )
    ]
)


def write(directory: RunDirectory) -> None:
    """Write `served.parquet` into a run directory whose tables are whole, where there is a row."""
    names = ("installed", "versions", "evaluations")
    table = course(*(directory.table(name) for name in names))
    if table.num_rows:
        with aside(directory / "served.parquet") as partial, partial.open("wb") as file:
            pq.write_table(table, file, compression="zstd")


def course(installed: pa.Table, versions: pa.Table, evaluations: pa.Table) -> pa.Table:
    """The table `served`; without rows where nothing was ever installed hour by hour.

    Args:
        installed: The table of that name.
        versions: The columns `version` and `closed_s` of the table of that name.
        evaluations: The table of that name.
    """
    at_s, hour = np.unique(installed["at_s"].to_numpy(), return_inverse=True)
    version, phones = (installed[name].to_numpy() for name in ("version", "phones"))
    has = version >= 0
    fleet = _sums(hour, phones, len(at_s))
    with_one = _sums(hour[has], phones[has], len(at_s))
    closed_s = np.sort(versions["closed_s"].to_numpy())
    newest = np.searchsorted(closed_s, at_s, side="right")
    lag = newest[hour] - version

    def served(group: str) -> Floats:
        evaluated, known = _evaluated(evaluations, group)
        if not len(evaluated):
            return np.full(len(at_s), np.nan)
        recall = recall_of(version, evaluated, known)
        return _sums(hour, np.where(has, recall, 0.0) * phones, len(at_s)) / fleet

    with np.errstate(invalid="ignore"):
        mean = _sums(hour[has], (lag * phones)[has], len(at_s)) / with_one
    columns = {
        "at_s": at_s,
        "phones_served": with_one / fleet,
        "recall_at_3": served("all"),
        "recall_at_3_injected": served("injected"),
        "lag_mean": mean,
        "lag_p90": _quantile(0.9, hour[has], lag[has], phones[has], len(at_s)),
    }
    arrays = [pa.array(columns[name], from_pandas=True) for name in SCHEMA.names]  # NaN is null
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def figures(directory: RunDirectory) -> dict[str, float | None]:
    """What the summary says: served recall at the last hour, and the lag of all hours.

    The lag is the mean over hours and phones that have a version. Both are null in a run that kept
    no installed versions.
    """
    if not (directory / "served.parquet").exists():
        return {"served_recall_at_3": None, "version_lag_mean": None}
    table = directory.table("served")
    share = table["phones_served"].to_numpy()
    lag = table["lag_mean"].fill_null(0.0).to_numpy()
    return {
        "served_recall_at_3": table["recall_at_3"][-1].as_py(),
        "version_lag_mean": float(share @ lag / share.sum()) if share.sum() else None,
    }


def recall_of(version: Ints, evaluated: Ints, recall: Floats) -> Floats:
    """Recall of versions: that of the newest evaluated one not after each; NaN before the first.

    Args:
        version: Versions. Shape [n].
        evaluated: Versions that were evaluated, ascending. Shape [k].
        recall: Theirs. Shape [k].
    """
    place = np.searchsorted(evaluated, version, side="right")
    found: Floats = np.concatenate([[np.nan], recall])[place]
    return found


def _evaluated(evaluations: pa.Table, group: str) -> tuple[Ints, Floats]:
    """The versions of which validation recall is known for a group, ascending, and that recall."""
    of = pc.and_(pc.equal(evaluations["set"], "validation"), pc.equal(evaluations["group"], group))
    rows = evaluations.filter(of).sort_by("version")
    version, recall = rows["version"].to_numpy(), rows["recall_at_3"].to_numpy()
    known: Flags = ~np.isnan(recall)
    return version[known], recall[known]


def _sums(hour: Ints, values: Floats | Ints, hours: int) -> Floats:
    return np.bincount(hour, weights=values, minlength=hours).astype(np.float64)


def _quantile(share: float, hour: Ints, values: Ints, phones: Ints, hours: int) -> Floats:
    """The smallest value of each hour that a share of its phones do not pass; NaN of none."""
    order = np.lexsort((values, hour))
    hour, values, phones = hour[order], values[order], phones[order]
    total = _sums(hour, phones, hours)
    until = np.cumsum(phones) - (np.cumsum(total) - total)[hour]
    reached = np.flatnonzero(until >= share * total[hour] - 1e-9)
    found = np.full(hours, np.nan)
    found[hour[reached][::-1]] = values[reached][::-1]  # the first of each hour is written last
    return found
