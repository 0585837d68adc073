"""Simulate a fleet of phones that learn next-word prediction together.

```python
import gboard_sim

run = gboard_sim.run(gboard_sim.load("smoke"))
print(run.summary["recall_at_3"])
```

Names are resolved on first use, so that importing the package costs nothing.
"""

import os
from importlib import import_module
from importlib.metadata import version as _version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gboard_sim.errors import GboardSimError as GboardSimError
    from gboard_sim.experiment.experiment import Experiment as Experiment
    from gboard_sim.experiment.file import load as load
    from gboard_sim.simulate import Run as Run
    from gboard_sim.simulate import run as run

_HOMES = {
    "Experiment": "experiment.experiment",
    "GboardSimError": "errors",
    "Run": "simulate",
    "load": "experiment.file",
    "run": "simulate",
}

# Before anything imports onnxruntime: since 1.29 its Linux builds report what they run to Microsoft
# unless this is set (github.com/kibae/onnxruntime-server, release notes of v1.29.0).
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["Experiment", "GboardSimError", "Run", "load", "run"]
__version__ = _version("gboard-sim")


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gboard_sim' has no attribute {name!r}")
    return getattr(import_module(f"gboard_sim.{_HOMES[name]}"), name)
