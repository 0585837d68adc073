"""What a checkpoint keeps of a learner, beside the snapshots of the parameters."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.residuals import Kept
from gboard_sim.learning.stopping import StopState
from gboard_sim.seam.privacy_protocols import MechanismState
from gboard_sim.seam.protocols import Memory
from gboard_sim.seam.records import Vector

Arrays = dict[str, npt.NDArray[np.float64]]

MASTER = "downlink/master"
"""The master among the arrays: no optimiser has one of that name."""

_OF_MECHANISM = "mechanism/"
"""What the names of the mechanism's arrays begin with in a checkpoint."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What was trained for the versions made so far.

    Attributes:
        sessions_trained: Uploads whose training was carried out.
        sessions_trained_unused: Those that no server step used.
        trained_tokens: Tokens that they trained on.
        budget_tokens: Tokens that the cohorts' phones train on, or would in another arm.
    """

    sessions_trained: int = 0
    sessions_trained_unused: int = 0
    trained_tokens: int = 0
    budget_tokens: int = 0


@dataclass(frozen=True, slots=True)
class LearnerState:
    """A learner at one version.

    Attributes:
        version: The newest version that it includes.
        oldest_version: The oldest version whose snapshot later uploads may start from.
        optimizer: The server optimiser's arrays.
        totals: What had been trained.
        stopping: What the stop rules remember.
        memory: What an adaptive schedule remembers.
        residuals: What phones keep for error feedback; None without it.
        mechanism: The arrays of the server's privacy mechanism.
        master: The server's own parameters; None where they are what is published. Shape [P].
    """

    version: int
    oldest_version: int
    optimizer: Arrays
    totals: Totals = field(default_factory=Totals)
    stopping: StopState = field(default_factory=StopState)
    memory: Memory = ()
    residuals: Kept | None = None
    mechanism: MechanismState = field(default_factory=dict)
    master: Vector | None = None

    def facts(self) -> str:
        """Everything but the arrays, as JSON."""
        facts = asdict(replace(self, optimizer={}, mechanism={}, master=None))
        del facts["optimizer"], facts["mechanism"], facts["master"]
        return json.dumps(facts, sort_keys=True)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays, by name."""
        noise = {_OF_MECHANISM + name: array for name, array in self.mechanism.items()}
        own = {} if self.master is None else {MASTER: self.master}
        return {**self.optimizer, **noise, **own}

    @classmethod
    def of(cls, facts: str, arrays: Mapping[str, npt.NDArray[Any]]) -> "LearnerState":
        """The state that `facts` and its arrays describe."""
        read = json.loads(facts)
        optimizer = dict(arrays)
        master = optimizer.pop(MASTER, None)
        mechanism = {
            name.removeprefix(_OF_MECHANISM): optimizer.pop(name)
            for name in arrays
            if name.startswith(_OF_MECHANISM)
        }
        return cls(
            version=read["version"],
            oldest_version=read["oldest_version"],
            optimizer=optimizer,
            master=master,
            totals=Totals(**read["totals"]),
            stopping=StopState(**read["stopping"]),
            memory=tuple(read["memory"]),
            residuals=Kept.of(read["residuals"]) if read["residuals"] else None,
            mechanism=mechanism,
        )
