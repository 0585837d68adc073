"""What a checkpoint keeps of a learner, beside the snapshots of the parameters."""

import json
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import numpy.typing as npt

from gboard_sim.learning.stopping import StopState
from gboard_sim.protocols import MechanismState, Memory

Arrays = dict[str, npt.NDArray[np.float64]]

_OF_MECHANISM = "mechanism."
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
        mechanism: The arrays of the server's privacy mechanism.
    """

    version: int
    oldest_version: int
    optimizer: Arrays
    totals: Totals = field(default_factory=Totals)
    stopping: StopState = field(default_factory=StopState)
    memory: Memory = ()
    mechanism: MechanismState = field(default_factory=dict)

    def facts(self) -> str:
        """Everything but the arrays, as JSON."""
        facts = asdict(replace(self, optimizer={}, mechanism={}))
        del facts["optimizer"], facts["mechanism"]
        return json.dumps(facts, sort_keys=True)

    @property
    def arrays(self) -> Arrays:
        """The optimiser's and the mechanism's, by different names."""
        return self.optimizer | {_OF_MECHANISM + k: array for k, array in self.mechanism.items()}

    @classmethod
    def of(cls, facts: str, arrays: Arrays) -> "LearnerState":
        """The state that `facts` and its arrays describe."""
        read = json.loads(facts)
        mechanism = {
            name.removeprefix(_OF_MECHANISM): array
            for name, array in arrays.items()
            if name.startswith(_OF_MECHANISM)
        }
        optimizer = {k: array for k, array in arrays.items() if not k.startswith(_OF_MECHANISM)}
        return cls(
            version=read["version"],
            oldest_version=read["oldest_version"],
            optimizer=optimizer,
            totals=Totals(**read["totals"]),
            stopping=StopState(**read["stopping"]),
            memory=tuple(read["memory"]),
            mechanism=mechanism,
        )
