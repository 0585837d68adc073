"""What a benchmark's figures depend on beside the code."""

import os
from typing import Any

from gboard_sim.runlog import provenance


def setting() -> dict[str, Any]:
    """The processor, its cores, the libraries, and how busy the machine was before the benchmark.

    `load_1_min` is the mean number of processes that wanted a core in the last minute: figures mean
    something only where it is near 0.
    """
    facts = provenance.facts("")
    return {
        "processor": facts["processor"],
        "cores": os.cpu_count(),
        "load_1_min": round(os.getloadavg()[0], 2),
        "system": facts["system"],
        "python": facts["python"],
        "libraries": facts["libraries"],
    }
