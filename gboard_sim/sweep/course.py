"""The course of a run: what had been reached, and spent for it, when a version was judged.

What a version cost is what the sessions cost, whole, that the server had configured by the time
that the version was made: broken, late and evaluation sessions are among them, and installs on
phones that were not selected are not.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.units import DAY_S

_SPENT = {
    "uplink_bytes_per_phone_mean": "upload_bytes",
    "downlink_bytes_per_phone_mean": "download_bytes",
    "energy_j_per_phone_mean": "energy_j",
    "energy_j_per_phone_mean_low": "energy_low_j",
    "energy_j_per_phone_mean_high": "energy_high_j",
}
"""What the course says of a version, over all phones, and the column of `sessions` it sums."""

TYPE = pa.list_(
    pa.struct(
        [
            ("version", pa.int64()),
            ("validation_recall_at_3", pa.float64()),
            ("simulated_days", pa.float64()),
            *((name, pa.float64()) for name in _SPENT),
        ]
    )
)
"""The column of a table that holds a course a row."""


def course(directory: RunDirectory, phones: int) -> list[dict[str, Any]]:
    """Every version of a whole run that validation users judged, in order.

    Args:
        directory: The run's.
        phones: How many its fleet has.

    Raises:
        RunDirectoryError: A table is missing or damaged.
    """
    judged = directory.table("evaluations", ("version", "set", "group", "recall_at_3"))
    of_all = pc.and_(pc.equal(judged["set"], "validation"), pc.equal(judged["group"], "all"))
    rows = judged.filter(of_all).sort_by("version")
    version, recall = rows["version"].to_numpy(), rows["recall_at_3"].to_numpy()
    made = directory.table("versions", ("version", "closed_s"))
    # Version 0 is there from the start. Shape [versions + 1].
    closed_s = np.concatenate([[0.0], made.sort_by("version")["closed_s"].to_numpy()])
    at_s = closed_s[version]
    configured = directory.table("sessions", ("began_s", "wait_s"))
    configured_s = configured["began_s"].to_numpy() + configured["wait_s"].to_numpy()
    order = np.argsort(configured_s, kind="stable")
    until = np.searchsorted(configured_s[order], at_s, side="right")
    until[version == 0] = 0
    del configured, configured_s
    spent = {}
    for name, column in _SPENT.items():  # a column at a time: a long run has millions of sessions
        each = directory.table("sessions", (column,))[column].to_numpy()[order]
        spent[name] = np.concatenate([[0], np.cumsum(each)])[until] / phones
    return [
        {
            "version": int(version[nth]),
            "validation_recall_at_3": float(recall[nth]),
            "simulated_days": float(at_s[nth] / DAY_S),
            **{name: float(values[nth]) for name, values in spent.items()},
        }
        for nth in range(len(version))
    ]
