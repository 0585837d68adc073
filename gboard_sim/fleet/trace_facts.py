"""What a trace holds, as a few figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gboard_sim.fleet.accounts import Eligibility
from gboard_sim.fleet.trace import SIGNALS, read_trace


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """A trace at a glance.

    Attributes:
        phones: Phones in it.
        days: Its length, the last day rounded up.
        rows: Intervals in the file.
        windows: Windows in which the phones are eligible.
        never_eligible: Phones that never are.
        eligible_share: Mean share of the phones that are eligible.
        eligible_share_by_hour: The same by hour of the trace's day. Length 24.
    """

    phones: int
    days: int
    rows: int
    windows: int
    never_eligible: int
    eligible_share: float
    eligible_share_by_hour: tuple[float, ...]


def inspect_trace(path: Path, needs: Sequence[str] = SIGNALS) -> TraceFacts:
    """The facts of a trace file. Raises TraceError as `read_trace` and `Trace.eligible`."""
    trace = read_trace(path)
    found = trace.eligible(needs)
    phones = len(trace.phones)
    eligibility = Eligibility(24 * trace.days, np.zeros(phones))
    eligibility.add(found)
    by_hour = eligibility.by_hour().reshape(-1, 24).mean(axis=0) / phones
    return TraceFacts(
        phones=phones,
        days=trace.days,
        rows=trace.rows,
        windows=len(found),
        never_eligible=phones - len(np.unique(found.phone)),
        eligible_share=float(by_hour.mean()),
        eligible_share_by_hour=tuple(by_hour.tolist()),
    )
