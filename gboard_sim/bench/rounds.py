"""Rounds of a work as a run makes them: workers, the learner, snapshots and the journal."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Literal

import numpy as np

from gboard_sim.bench.work import SEED, Work
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.learning.closing import Averaging
from gboard_sim.learning.evaluation.evaluation import EvaluationSet
from gboard_sim.learning.judgements import Judgements
from gboard_sim.learning.learner import FederatedLearner
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.moving_average import MovingAverage
from gboard_sim.learning.pool import Pool, ProcessPool
from gboard_sim.learning.server_optimizers.fed_avg import fed_avg
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.workshop import Workshop
from gboard_sim.privacy.mechanisms.none import NoMechanism
from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.records import Cohort, Vector

NEVER = 1 << 30
"""Versions between evaluations, which no benchmark times."""


@dataclass(frozen=True, slots=True)
class Means:
    """What steps are made with.

    Attributes:
        trainer: Which trainer.
        precision: What torch makes products in.
    """

    trainer: Literal["onnxruntime", "torch"] = "onnxruntime"
    precision: Literal["float32", "bfloat16"] = "float32"


ONNXRUNTIME = Means()
"""The default trainer."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What became of some rounds.

    Attributes:
        start_s: Wall seconds until the first round could begin.
        round_s: Wall seconds of each round.
        parameters: The last version. Shape [P].
        versions: Of the libraries that matter, by name.
    """

    start_s: float
    round_s: tuple[float, ...]
    parameters: Vector
    versions: Mapping[str, str]


def open_workshop(work: Work, folder: Path, means: Means = ONNXRUNTIME) -> Workshop:
    """What the workers of a work need, in a new folder, with version 0 published."""
    work.text.save(folder / "text")
    snapshots = Snapshots(folder / "versions")
    snapshots.write(0, work.first_parameters())
    return Workshop(
        spec=work.spec,
        vocabulary=work.vocabulary,
        word_ids=work.word_ids,
        graphs=find_graphs(work.spec, folder / "graphs"),
        trainer_name=means.trainer,
        text=folder / "text",
        snapshots=snapshots,
        codec=Fp32(),
        mechanism=NoMechanism(),
        seed=SEED,
        precision=means.precision,
    )


@contextmanager
def opened(workshop: Workshop, workers: int) -> Iterator[Pool]:
    """Worker processes, ended with the body."""
    pool = ProcessPool(workshop, workers)
    try:
        yield pool
    finally:
        pool.close()


def averaged(cohort: Cohort) -> Averaging:
    """A cohort on its way to the plain mean of its updates."""
    return Averaging(cohort, fed_avg(), 1.0)


def open_learner(
    work: Work,
    workshop: Workshop,
    pool: Pool,
    folder: Path,
    close: Callable[[Cohort], Averaging] = averaged,
    noise: MechanismState | None = None,
) -> FederatedLearner:
    """A learner at version 0 that averages, and neither evaluates nor saves checkpoints.

    Args:
        work: What it learns.
        workshop: What its workers need.
        pool: Its workers.
        folder: Where its versions and its journal lie.
        close: What makes a version of a cohort.
        noise: What the server's mechanism remembers before the first version.
    """
    nothing = np.zeros(0, np.int64)
    nobody = EvaluationSet(
        name="validation",
        rows=nothing,
        words=np.zeros(0, np.int32),
        offsets=np.zeros(1, np.int64),
        known=np.zeros(0, np.bool_),
        groups={},
    )
    snapshots, journal = Snapshots(folder / "versions"), Journal(folder / "journal")
    return FederatedLearner(
        typing=work.typing(),
        model_bytes=Fp32().payload_bytes(work.parameters),
        codec_is_measured=False,
        pool=pool,
        snapshots=snapshots,
        close=close,
        mechanism=workshop.mechanism,
        judgements=Judgements(
            validation=nobody,
            every=NEVER,
            average=MovingAverage(snapshots, 0.0),
            journal=journal,
        ),
        journal=journal,
        checkpoint_every=0,
        checkpoint=lambda _state: None,
        state=LearnerState(0, 0, {}, mechanism=noise or {}),
    )


def run(work: Work, folder: Path, workers: int) -> Finished:
    """Carry out every round of a work, one after another, each waited for."""
    began = perf_counter()
    workshop = open_workshop(work, folder)
    with opened(workshop, workers) as pool:
        learner = open_learner(work, workshop, pool, folder)
        cohorts = [work.cohort(number) for number in range(work.rounds)]
        marks = [perf_counter()]
        for cohort in cohorts:
            learner.step(cohort)
            learner.outcome(cohort.makes_version)
            marks.append(perf_counter())
    return Finished(
        start_s=marks[0] - began,
        round_s=tuple(np.diff(marks).tolist()),
        parameters=np.array(workshop.snapshots.read(work.rounds)),
        versions={"onnxruntime": version("onnxruntime")},
    )
