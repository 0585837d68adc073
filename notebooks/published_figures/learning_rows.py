"""The rows that need phones that train: B10 to B12."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fleet_rows import FleetRun
from rows import Row

import gboard_sim
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.units import DAY_S


def open_windows(path: Path) -> Path:
    """Writes a trace of phones that are always eligible: ten minutes at a time, a second apart.

    A phone takes part once in a window, and once a day in an endless one. The pauses
    of different phones lie six seconds apart.
    """
    rows = ["phone,start_s,end_s,signals"]
    for phone in range(100):
        starts_s = [0, *range(phone * 6, int(DAY_S), 600)]
        for start_s, next_s in zip(starts_s, [*starts_s[1:], int(DAY_S)], strict=True):
            if next_s - start_s > 1:
                rows.append(f"{phone},{start_s},{next_s - 1},eligible")
    path.write_text("\n".join(rows) + "\n")
    return path


@dataclass(frozen=True)
class Learned:
    """What a run that learned came to.

    Attributes:
        days: When it reached its target, or else when it ended.
        uploads: Updates that phones began to send, used or not.
        recall: Validation recall at 3 of each version that was judged.
        never: Share of the phones of which no upload was used.
        reached: Whether it reached its target.
    """

    days: float
    uploads: int
    recall: tuple[float, ...]
    never: float
    reached: bool


def learn(settings: Experiment, out: Path) -> Learned:
    """Runs an experiment whole."""
    run = gboard_sim.run(settings, out=out)
    judged = run.table("evaluations").select(["version", "set", "group", "recall_at_3"]).to_pylist()
    found = sorted(
        (row["version"], row["recall_at_3"])
        for row in judged
        if row["set"] == "validation" and row["group"] == "all"
    )
    summary = run.summary
    return Learned(
        days=summary["simulated_days"],
        uploads=sum(n for shape, n in summary["session_shapes"].items() if "+" in shape),
        recall=tuple(recall for _, recall in found),
        never=1.0 - summary["phones_participated"] / summary["phones"],
        reached=summary["stop_reason"] == "target_recall",
    )


def protocols(rounds: Sequence[Learned], buffered: Sequence[Learned]) -> list[Row]:
    """B10 and B11: rounds against a buffer, to the same recall."""
    pairs = list(zip(rounds, buffered, strict=True))
    faster = tuple(a.days / b.days for a, b in pairs)
    fewer = tuple(a.uploads / b.uploads for a, b in pairs)
    note = (
        "tiny model, synthetic text, 260 phones at work, server Adam tuned for each on seed 1; "
        f"reached the target: {sum(a.reached for a in rounds)} and "
        f"{sum(b.reached for b in buffered)} of {len(pairs)}"
    )
    return [
        Row("B10a", "rounds' days over the buffer's, to a recall", "5", faster, "learning", 3, 6,
            note),
        Row("B10b", "rounds' uploads over the buffer's", "8", fewer, "learning", 5, 9, note),
        Row("B11a", "the same against FedAvgM", "3.3 to 3.8", fewer, "learning", 2, 4,
            "the runs of B10: Adam stands in for server momentum; FedAsync (2.5) was not run"),
    ]  # fmt: skip


def differences(
    varied: Sequence[Learned], alike: Sequence[Learned], served: Sequence[FleetRun]
) -> list[Row]:
    """B12: what it costs that phones differ.

    Args:
        varied: Runs with phones that differ.
        alike: The same with phones that are all alike, always eligible, and never fail.
        served: Runs of a fleet that is asked for more than it has: whoever can take part does.
    """
    pairs = list(zip(varied, alike, strict=True))
    lower = [1 - np.mean(a.recall[-5:]) / np.mean(b.recall[-5:]) for a, b in pairs]
    never = [float((run.end.participations == 0).mean()) for run in served]
    return [
        Row("B12a", "days of 100 rounds, phones differing : alike", "<= 2.32",
            tuple(a.days / b.days for a, b in pairs), "learning", 1.0, 2.32,
            "time to a fixed version, waiting for the night's phones included"),
        Row("B12b", "share of recall that differing costs", "<= .092", tuple(map(float, lower)),
            "learning", 0.0, 0.092, "mean of the last five judged of 100 versions"),
        Row("B12c", "share of phones that never take part", "<= .30", tuple(never), "check",
            1e-9, 0.30, "three days in which everyone is wanted; .05 and those without Wi-Fi are "
            "put in"),
    ]  # fmt: skip
