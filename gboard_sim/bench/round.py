"""`gboard-sim bench round`: where a round's time goes, and that its memory is that of the model.

The rounds are real ones, see `rounds`; the server's process is profiled, so that its seconds can be
told apart: waiting for workers' training, adding up what they send, the optimiser's step, writing
the snapshot, and the journal.
"""

import cProfile
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter
from types import CodeType
from typing import Any

from gboard_sim.bench.rounds import open_learner, open_workshop, opened
from gboard_sim.bench.work import Work, dense, real
from gboard_sim.learning.closing import Averaging
from gboard_sim.learning.pool import ProcessPool
from gboard_sim.learning.server_optimizers.fed_avg import fed_avg
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.machine import MachineMeter
from gboard_sim.runlog.journal import Journal

WORKERS = 2

COHORTS = (100, 1_000, 10_000)
"""Phones of the model `tiny` in a round, for the memory."""

QUICK_COHORTS = (50, 500)

WARM_UP = 1
"""Rounds that are not counted."""

_PARTS: Mapping[str, tuple[Callable[..., Any], ...]] = {
    "training_s": (ProcessPool.start, ProcessPool.finished),
    "summing_s": (Averaging.add, Averaging.take_mean),
    "server_step_s": (fed_avg().apply,),
    "snapshot_s": (Snapshots.write,),
    "journal_s": (Journal.version, Journal.outcome),
}
"""What the server's process calls, by the part of the round that it is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One work; each part's seconds are the median over the rounds that count.

    Attributes:
        work: `dense` or `real`.
        model: The model's name.
        phones: In a round.
        workers: Worker processes.
        rounds: Rounds that count.
        round_s: Wall seconds of a round.
        training_s: Of these, handing out jobs, waiting for workers and reading their sums.
        summing_s: Adding the chunks' sums, and the mean.
        server_step_s: The server's optimiser.
        snapshot_s: Writing the new version.
        journal_s: The journal.
        other_s: The rest of the server's process.
        tokens_per_s: Real tokens a second.
        model_bytes: Bytes of the parameters.
        peak_rss_bytes: Most resident memory of the process and its workers, shared pages counted
            in each of them.
    """

    work: str
    model: str
    phones: int
    workers: int
    rounds: int
    round_s: float
    training_s: float
    summing_s: float
    server_step_s: float
    snapshot_s: float
    journal_s: float
    other_s: float
    tokens_per_s: float
    model_bytes: int
    peak_rss_bytes: int


def rows(
    *, corpus: Path | None, repeats: int, quick: bool, tell: Callable[[str], None]
) -> list[Row]:
    """Time rounds of several works.

    Args:
        corpus: The text of the work `real`, which is left out without it.
        repeats: Rounds that count.
        quick: Smaller cohorts.
        tell: Told what is under way.
    """
    count = repeats + WARM_UP
    cohort = 20 if quick else 100
    chat = None if corpus is None else real(corpus, rounds=count, cohort=cohort)
    # Smallest first: memory that an allocator keeps makes a later row no smaller.
    found = []
    for phones in QUICK_COHORTS if quick else COHORTS:
        tell(f"tiny, {phones:,} phones")
        few = min(count, 3)  # the memory of a round does not change with the third
        found.append(_row(dense(rounds=few, phones=phones, batches=1, model="tiny")))
    tell("dense, 20 phones")
    found.append(_row(dense(rounds=count)))
    if chat is not None:
        tell(f"real, {cohort} phones")
        found.append(_row(chat))
    return found


def _row(work: Work) -> Row:
    """Carry out the rounds of a work."""
    with (
        tempfile.TemporaryDirectory(prefix="gboard-sim-bench-") as scratch,
        opened(workshop := open_workshop(work, Path(scratch)), WORKERS) as pool,
        MachineMeter() as meter,
    ):
        learner = open_learner(work, workshop, pool, Path(scratch))
        samples: list[dict[str, float]] = []
        for number in range(work.rounds):
            cohort = work.cohort(number)
            profile = cProfile.Profile()
            before = perf_counter()
            with profile:
                learner.step(cohort)
                learner.outcome(cohort.makes_version)
            samples.append({"round_s": perf_counter() - before} | _parts(profile))
    counted = samples[WARM_UP:]
    parts = {name: median(sample[name] for sample in counted) for name in counted[0]}
    round_s = parts.pop("round_s")
    tokens = sum(work.round_tokens(number) for number in range(WARM_UP, work.rounds))
    return Row(
        work=work.name,
        model=work.spec.name,
        phones=work.cohorts.shape[1],
        workers=WORKERS,
        rounds=len(counted),
        round_s=round_s,
        **parts,
        other_s=max(round_s - sum(parts.values()), 0.0),
        tokens_per_s=tokens / sum(sample["round_s"] for sample in counted),
        model_bytes=4 * work.parameters,
        peak_rss_bytes=meter.peak_rss_bytes,
    )


def _parts(profile: cProfile.Profile) -> dict[str, float]:
    """Seconds inside the functions of each part, what they call included."""
    inside = {
        entry.code: float(entry.totaltime)
        for entry in profile.getstats()
        if isinstance(entry.code, CodeType)
    }
    return {
        name: sum(inside.get(function.__code__, 0.0) for function in functions)
        for name, functions in _PARTS.items()
    }
