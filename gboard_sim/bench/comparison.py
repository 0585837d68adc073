"""`gboard-sim bench peers`: the same rounds in this project, Flower, pfl-research and plain torch.

Every contender starts from the same parameters and trains the same phones on the same batches, one
thread a process. Peers pad a batch to its longest message, as one would; this project packs. Only
whole rounds count: handing out the model, local training, the weighted mean and the server's step.
Start-up, a first round to warm up, and evaluation do not. In every repeat all contenders run one
after another, so that a ratio compares runs that lay close together in time.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from gboard_sim.bench.contenders import CONTENDERS, OURS, Contender, compete
from gboard_sim.bench.environments import REQUIREMENTS, environment
from gboard_sim.bench.rounds import Finished
from gboard_sim.bench.work import Work, dense, real
from gboard_sim.bench.work_file import write_work
from gboard_sim.errors import GboardSimError
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer
from gboard_sim.seam.records import Vector

TOLERANCE_NATS = 1e-3
"""Most by which a final loss may differ from ours."""

WARM_UP = 1
"""Rounds that are not counted: graphs are loaded, actors started, and pfl evaluates."""

ROUNDS = 3
"""Rounds that are counted in each run."""


@dataclass(frozen=True, slots=True)
class Row:
    """One contender at one work.

    Attributes:
        work: `dense` or `real`.
        contender: Who.
        model: How its model is written: `ours`, for `speed` in torch, or as a `textbook` has it.
        versions: Of what it stands on, such as `flwr 1.41.0, ray 2.55.1, torch 2.13.0+cpu`.
        processes: How many trained at once.
        phones: In a round.
        tokens: Real tokens in a round, in the mean.
        runs: How often it ran.
        round_s: Wall seconds of a round, the median over runs of their mean.
        tokens_per_s: Real tokens a second.
        gflop_per_s: Products of real tokens, in 10^9 floating-point operations a second.
        times_ours: The median over repeats of its seconds over ours with as many processes.
        start_s: Seconds before the first round, the median.
        first_loss: Nats per token of version 0 on the text of the first round.
        final_loss: The same of the last version.
        loss_off: Final loss less ours.
        update_off: Distance of the last version from ours over that which training covered.
    """

    work: str
    contender: str
    model: str
    versions: str
    processes: int
    phones: int
    tokens: float
    runs: int
    round_s: float
    tokens_per_s: float
    gflop_per_s: float
    times_ours: float
    start_s: float
    first_loss: float
    final_loss: float
    loss_off: float
    update_off: float


def rows(
    *,
    corpus: Path | None,
    environments: Path | None,
    against: Sequence[str],
    textbook: bool,
    repeats: int,
    quick: bool,
    tell: Callable[[str], None],
) -> list[Row]:
    """Run the comparison.

    Args:
        corpus: The text of the work `real`, which is left out without it.
        environments: Where peers' environments are kept; None makes them in a temporary folder.
        against: Names of peers; none means all.
        textbook: Whether their model is written as a textbook has it, in place of for speed.
        repeats: Times that every contender runs.
        quick: A few small rounds: shows that everything works, and no more.
        tell: Told what is under way.

    Raises:
        GboardSimError: An environment cannot be made, a peer failed, or a loss is not ours.
    """
    for name in against:
        if name not in REQUIREMENTS:
            raise GboardSimError(f"--against {name}: allowed: {', '.join(REQUIREMENTS)}")
    peers = tuple(against) or tuple(REQUIREMENTS)
    contenders = [each for each in CONTENDERS if each.name in (OURS, *peers)]
    count = WARM_UP + (1 if quick else ROUNDS)
    works = [dense(rounds=count, phones=16 if quick else 20, batches=1 if quick else 8)]
    if corpus is not None:
        works.append(real(corpus, rounds=count, cohort=20 if quick else 100))
    with tempfile.TemporaryDirectory(prefix="gboard-sim-bench-") as scratch:
        pythons = {}
        for peer in peers:
            tell(f"the environment of {peer}")
            pythons[peer] = environment(environments or Path(scratch) / "environments", peer)
        found: list[Row] = []
        for work in works:
            folder = Path(scratch) / work.name
            folder.mkdir()
            write_work(work, folder / "work.npz", textbook=textbook)
            runs = _runs(work, contenders, folder, pythons, repeats, tell)
            model = "textbook" if textbook else "speed"
            found += [_row(work, contender, model, runs) for contender in contenders]
    return found


Runs = Mapping[Contender, list[Finished]]


def _runs(
    work: Work,
    contenders: Sequence[Contender],
    folder: Path,
    pythons: Mapping[str, Path],
    repeats: int,
    tell: Callable[[str], None],
) -> Runs:
    """Every contender at the work of a folder, `repeats` times, in turn."""
    runs: dict[Contender, list[Finished]] = {contender: [] for contender in contenders}
    for repeat in range(repeats):
        for contender in contenders:
            tell(f"{work.name}, {repeat + 1} of {repeats}: {contender.name}, {contender.processes}")
            with tempfile.TemporaryDirectory(dir=folder) as within:
                python = pythons.get(contender.name)
                finished = compete(contender, work, folder / "work.npz", Path(within), python)
            runs[contender].append(finished)
            _check(work, contender, finished, runs[contenders[0]][0])
    return runs


def _check(work: Work, contender: Contender, theirs: Finished, ours: Finished) -> None:
    """Refuses a contender whose last version is not as good as ours: it did other work."""
    off = text_loss(work, theirs.parameters) - text_loss(work, ours.parameters)
    if not abs(off) <= TOLERANCE_NATS:
        raise GboardSimError(
            f"{work.name}: the final loss of {contender.name} with {contender.processes} processes "
            f"is {off:+.5f} nats from ours; allowed: {TOLERANCE_NATS:g}; hint: it did not train "
            "the same phones on the same batches, so its seconds mean nothing"
        )


def text_loss(work: Work, parameters: Vector) -> float:
    """Nats per token of some parameters on the text of the first round."""
    spec = work.spec
    with tempfile.TemporaryDirectory() as cache:
        trainer = OnnxRuntimeTrainer(spec, work.tokens, find_graphs(spec, Path(cache)))
        nats = tokens = 0.0
        for phone in work.cohorts[0]:
            for batch in work.batches(0, int(phone)):
                scored = trainer.score(parameters, batch).log_probability
                nats -= float((scored * batch.weight).sum(dtype=np.float64))
                tokens += batch.tokens
    return nats / tokens


def _round_s(finished: Finished) -> float:
    """Mean seconds of the rounds that count."""
    return float(np.mean(finished.round_s[WARM_UP:]))


def _row(work: Work, contender: Contender, model: str, runs: Runs) -> Row:
    """What a contender's runs came to."""
    mine = runs[contender]
    ours = runs[Contender(OURS, contender.processes)]
    round_s = median(map(_round_s, mine))
    numbers = range(WARM_UP, work.rounds)
    tokens = float(np.mean([work.round_tokens(number) for number in numbers]))
    first = work.first_parameters()
    reference, last = ours[0].parameters, mine[0].parameters
    final_loss = text_loss(work, last)
    return Row(
        work=work.name,
        contender=contender.name,
        model="ours" if contender.name == OURS else model,
        versions=", ".join(f"{name} {number}" for name, number in mine[0].versions.items()),
        processes=contender.processes,
        phones=work.cohorts.shape[1],
        tokens=tokens,
        runs=len(mine),
        round_s=round_s,
        tokens_per_s=tokens / round_s,
        gflop_per_s=tokens * work.flop_per_token / round_s / 1e9,
        times_ours=median(_round_s(a) / _round_s(b) for a, b in zip(mine, ours, strict=True)),
        start_s=median(finished.start_s for finished in mine),
        first_loss=text_loss(work, first),
        final_loss=final_loss,
        loss_off=final_loss - text_loss(work, reference),
        update_off=float(np.linalg.norm(last - reference) / np.linalg.norm(reference - first)),
    )
