"""Updates that phones hold back: warns where a schedule holds back nearly all of them, or none.

Before a run that is known of two cases alone; of the others it is told from what was counted.
"""

import warnings

import numpy as np

from gboard_sim.communication.schedules.cmfl import Cmfl
from gboard_sim.errors import GboardSimWarning
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.seam.protocols import Schedule, Triggered

MOST_AGREEMENT = 0.68
"""The most that signs of an update agreed with those of the step before (measured: 283 updates of
`smoke --variant every-window` with `cmfl`, seed 1; half of them below .59, and by chance .5)."""

NEARLY_ALL = 0.95
"""Of the updates (assumed)."""

FEWEST = 20
"""Updates from which on a share of them says something (assumed)."""

_KEYS = {"norm_triggered": "threshold", "lazy": "norm", "cmfl": "agreement"}
"""What decides who sends, by schedule."""


def warn_before(schedule: Schedule, *, learns: bool) -> None:
    """Warns of what is known before a run.

    Args:
        schedule: When phones upload.
        learns: Whether phones have updates to look at.
    """
    if isinstance(schedule, Triggered) and not learns:
        _warn(
            f"schedule.name = {schedule.name!r} looks at updates, which a fleet alone does not "
            "have: every phone sends"
        )
    elif isinstance(schedule, Cmfl) and schedule.agreement > MOST_AGREEMENT:
        _warn(
            f"schedule.agreement = {schedule.agreement:g}: to make version 2, phones would have "
            f"to agree with the first step in that share of their signs; the most that was seen "
            f"in runs of this project is {MOST_AGREEMENT:g}, and by chance it is 0.5: the run may "
            "never get beyond version 1"
        )


def warn_after(directory: RunDirectory, schedule: Schedule, share: float | None) -> None:
    """Warns of a schedule that held nothing back, or nearly everything.

    Args:
        directory: Of the run, whose tables are whole.
        schedule: When phones uploaded.
        share: Of the updates that were ready, those held back; None where there were none.
    """
    if not isinstance(schedule, Triggered) or share is None:
        return
    column = directory.table("answers", (schedule.looks_at,))[schedule.looks_at]
    found = column.drop_null().to_numpy()
    found = found[found > 0.0]  # without a step before there is nothing to agree with
    if len(found) < FEWEST or 0.0 < share <= NEARLY_ALL:
        return
    key = _KEYS[schedule.name]
    name = schedule.looks_at.replace("_", " ")
    low, middle, high = np.quantile(found, [0.0, 0.5, 1.0])
    _warn(
        f"schedule.name = {schedule.name!r}: phones held back {share:.1%} of their updates with "
        f"schedule.{key} = {getattr(schedule, key):g}; the {name} of {len(found):,} updates was "
        f"{low:.3g} to {high:.3g}, in the median {middle:.3g}"
    )


def _warn(message: str) -> None:
    warnings.warn(message, GboardSimWarning, stacklevel=3)
