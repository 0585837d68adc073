"""Who trains a work in `gboard-sim bench peers`: this project, and each peer in its environment."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from gboard_sim.bench import rounds
from gboard_sim.bench.environments import PROGRAMS, run
from gboard_sim.bench.rounds import Finished
from gboard_sim.bench.work import Work

Name = Literal["gboard_sim", "flower", "pfl", "torch"]

OURS: Name = "gboard_sim"

LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node")
"""What starts several processes of torch or pfl on one machine."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Someone who trains, with a number of processes.

    Attributes:
        name: Who.
        processes: How many train at once, each on one thread.
    """

    name: Name
    processes: int


CONTENDERS = (
    Contender(OURS, 2),
    Contender("flower", 2),
    Contender("pfl", 2),
    Contender("torch", 2),
    Contender(OURS, 1),
    Contender("pfl", 1),
    Contender("torch", 1),
)
"""In the order in which they run; Flower's actors are two clients at once."""


def compete(
    contender: Contender, work: Work, work_file: Path, folder: Path, python: Path | None
) -> Finished:
    """Let a contender carry out a work.

    Args:
        contender: Who.
        work: The work.
        work_file: The same as a file, for peers.
        folder: An empty folder to work in.
        python: The interpreter of the peer's environment; None for ourselves.
    """
    if python is None:
        return rounds.run(work, folder, contender.processes)
    answer = folder / "answer.json"
    program = str(PROGRAMS / f"run_{contender.name}.py")
    arguments = [program, str(work_file), str(answer)]
    if contender.name == "flower":
        arguments.append(str(contender.processes))
    elif contender.processes > 1:
        arguments = [*LAUNCHER, str(contender.processes), *arguments]
    began_s = time.time()
    run(
        [str(python), *arguments],
        f"{contender.name}, {contender.processes} processes, {work.name}",
        {
            "PYTHONPATH": str(PROGRAMS),  # where Flower's actors find the client's module
            "FLWR_TELEMETRY_ENABLED": "0",  # it would call home
            "RAY_ADDRESS": "local",  # a cluster of its own, whatever else runs here
        },
    )
    said = json.loads(answer.read_text(encoding="utf-8"))
    return Finished(
        start_s=said["began_s"] - began_s,
        round_s=tuple(said["round_s"]),
        parameters=np.load(answer.with_suffix(".npy")),
        versions=said["versions"],
    )
