"""What a checkpoint keeps of a learner, beside the snapshots of the parameters."""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.residuals import Kept
from gboard_sim.learning.stopping import StopState
from gboard_sim.protocols import Memory

Arrays = dict[str, npt.NDArray[np.float64]]


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
    """

    version: int
    oldest_version: int
    optimizer: Arrays
    totals: Totals = field(default_factory=Totals)
    stopping: StopState = field(default_factory=StopState)
    memory: Memory = ()
    residuals: Kept | None = None

    def facts(self) -> str:
        """Everything but the arrays, as JSON."""
        facts = asdict(self)
        del facts["optimizer"]
        return json.dumps(facts, sort_keys=True)

    @classmethod
    def of(cls, facts: str, optimizer: Arrays) -> "LearnerState":
        """The state that `facts` and its arrays describe."""
        read = json.loads(facts)
        return cls(
            version=read["version"],
            oldest_version=read["oldest_version"],
            optimizer=optimizer,
            totals=Totals(**read["totals"]),
            stopping=StopState(**read["stopping"]),
            memory=tuple(read["memory"]),
            residuals=Kept.of(read["residuals"]) if read["residuals"] else None,
        )
