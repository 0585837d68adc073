"""`gboard-sim bench train`: how fast a step is, and what share of the machine's peak it reaches."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from gboard_sim.bench.crew import Crew, hired
from gboard_sim.bench.own_products import TimeOwnProducts
from gboard_sim.bench.peak import LIBRARIES, SHAPES, TimeProduct
from gboard_sim.bench.rounds import Means
from gboard_sim.bench.work import LEARNING_RATE, Work, dense
from gboard_sim.learning.text.packing import Batch, pack
from gboard_sim.learning.workshop import Workshop
from gboard_sim.seeds import stream

MODELS = ("gboard-cifg", "tiny")
QUICK_MODELS = ("tiny",)

LANES = (1, 2, 4, 8, 16, 32)
QUICK_LANES = (1, 8)

MEANS = (Means("onnxruntime"), Means("torch"), Means("torch", "bfloat16"))

PROCESSES = (1, 2)
"""Workers that step at the same time."""

STEPS = 8
"""Steps of a stint: its two copies of the parameters are part of what a step costs."""

BUDGET_S = 0.4
QUICK_BUDGET_S = 0.04
"""Seconds for which stints are repeated (assumed: tens of steps of the largest model), and a step's
own products; each product of the peak takes half of it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One trainer, model, batch and number of processes; each figure the median over repeats.

    The median of a ratio is not the ratio of medians.

    Attributes:
        model: Its name in the catalogue.
        trainer: `onnxruntime` or `torch`.
        precision: What it makes products in; the peak is that of float32 whatever this is.
        lanes: Lanes of the batch, all full: no padding.
        lane: Tokens in a lane.
        processes: Workers that step at the same time.
        runs: Repeats.
        step_ms: Milliseconds of a step.
        tokens_per_s: Real tokens a second of all processes together.
        gflop_per_s: The same in 10^9 floating-point operations, six a parameter and token.
        peak_gflop_per_s: The best product of the same number of processes at once.
        peak_library: Who reached it the last time.
        share_of_peak: The step's rate over that product's.
        share_of_own_products: Time of the products in the exported graph, run alone in onnxruntime
            in float32, over that of the step.
        times_one_process: Tokens a second over those of one process.
    """

    model: str
    trainer: str
    precision: str
    lanes: int
    lane: int
    processes: int
    runs: int
    step_ms: float
    tokens_per_s: float
    gflop_per_s: float
    peak_gflop_per_s: float
    peak_library: str
    share_of_peak: float
    share_of_own_products: float
    times_one_process: float


@dataclass(frozen=True, slots=True)
class TimeStep:
    """Seconds of a training step, as a stint of `STEPS` takes them.

    Attributes:
        lanes: Lanes of the batch.
        budget_s: Seconds for which stints are repeated.
    """

    lanes: int
    budget_s: float

    def versions(self) -> frozenset[int]:
        """Version 0."""
        return frozenset((0,))

    def work(self, workshop: Workshop) -> float:
        """Median seconds of a step."""
        batches = [full_batch(workshop, self.lanes)] * STEPS
        parameters = workshop.snapshots.read(0)
        workshop.trainer.train(parameters, batches[:1], LEARNING_RATE)
        times: list[float] = []
        began = perf_counter()
        while perf_counter() - began < self.budget_s:
            before = perf_counter()
            workshop.trainer.train(parameters, batches, LEARNING_RATE)
            times.append((perf_counter() - before) / STEPS)
        return median(times)


def full_batch(workshop: Workshop, lanes: int) -> Batch:
    """Lanes filled with messages of their own length, the tokens drawn evenly."""
    lane = workshop.spec.lane
    tokens = stream(workshop.seed, "bench-step").integers(0, workshop.tokens, lanes * lane)
    return pack(tokens.astype(np.int32), np.full(lanes, lane), lane)


@dataclass(frozen=True, slots=True)
class _Sample:
    """One repeat's figures for one batch and number of processes."""

    step_s: float
    tokens_per_s: float
    peak: tuple[float, str]
    own_share: float


def rows(*, repeats: int, quick: bool, tell: Callable[[str], None]) -> list[Row]:
    """Time steps, the machine's peak and the steps' own products, in turn.

    Args:
        repeats: Times that everything is timed.
        quick: The smallest model, few batches, hardly any time: shows that it works.
        tell: Told what is under way.
    """
    lanes = QUICK_LANES if quick else LANES
    found: list[Row] = []
    for model in QUICK_MODELS if quick else MODELS:
        work = dense(rounds=1, phones=1, batches=1, model=model)
        for means in MEANS:
            with (
                tempfile.TemporaryDirectory(prefix="gboard-sim-bench-") as folder,
                hired(work, Path(folder), means, max(PROCESSES)) as crew,
            ):
                stand = _Stand(crew, work, QUICK_BUDGET_S if quick else BUDGET_S)
                samples: dict[tuple[int, int], list[_Sample]] = {}
                for repeat in range(repeats):
                    tell(f"{model}, {means.trainer} {means.precision}: {repeat + 1} of {repeats}")
                    for processes in PROCESSES:
                        peak = stand.peak(processes)
                        for batch in lanes:
                            sample = stand.sample(batch, processes, peak)
                            samples.setdefault((batch, processes), []).append(sample)
            found += [
                _row(work, means, batch, processes, samples)
                for batch in lanes
                for processes in PROCESSES
            ]
    return found


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where steps are timed.

    Attributes:
        crew: The workers.
        work: Whose model they have.
        budget_s: Seconds of each timing.
    """

    crew: Crew
    work: Work
    budget_s: float

    def peak(self, processes: int) -> tuple[float, str]:
        """The highest rate in floating-point operations a second, and whose it is."""
        rates = []
        for library in LIBRARIES:
            for shape in SHAPES:
                product = TimeProduct(library, shape, self.budget_s / 2)
                times = self.crew.together(product, processes)
                rates.append((sum(product.flop / seconds for seconds in times), library))
        return max(rates)

    def sample(self, lanes: int, processes: int, peak: tuple[float, str]) -> _Sample:
        """Time one batch's step and its products."""
        step_s = self.crew.together(TimeStep(lanes, self.budget_s), processes)
        own_s = self.crew.together(TimeOwnProducts(lanes, self.budget_s), processes)
        tokens = lanes * self.work.spec.lane
        return _Sample(
            step_s=float(np.mean(step_s)),
            tokens_per_s=sum(tokens / seconds for seconds in step_s),
            peak=peak,
            own_share=float(np.mean(own_s) / np.mean(step_s)),
        )


def _row(
    work: Work,
    means: Means,
    lanes: int,
    processes: int,
    samples: dict[tuple[int, int], list[_Sample]],
) -> Row:
    """The medians of some samples."""
    mine, single = samples[lanes, processes], samples[lanes, 1]
    flop = work.flop_per_token
    library = mine[-1].peak[1]
    return Row(
        model=work.spec.name,
        trainer=means.trainer,
        precision=means.precision,
        lanes=lanes,
        lane=work.spec.lane,
        processes=processes,
        runs=len(mine),
        step_ms=1e3 * median(sample.step_s for sample in mine),
        tokens_per_s=median(sample.tokens_per_s for sample in mine),
        gflop_per_s=flop * median(sample.tokens_per_s for sample in mine) / 1e9,
        peak_gflop_per_s=median(sample.peak[0] for sample in mine) / 1e9,
        peak_library=library,
        share_of_peak=median(flop * sample.tokens_per_s / sample.peak[0] for sample in mine),
        share_of_own_products=median(sample.own_share for sample in mine),
        times_one_process=median(
            several.tokens_per_s / one.tokens_per_s
            for several, one in zip(mine, single, strict=True)
        ),
    )
