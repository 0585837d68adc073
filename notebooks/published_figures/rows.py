"""Published figures of production federated learning, each made again: the rows of the notebook.

A row has the published figure, ours for every seed, and one class:

- `identity`: follows from arithmetic, whatever the simulator does;
- `input`: put in;
- `fitted`: a number of `devices/` was set to meet it;
- `check`: a prediction that could have failed. Only these count as reproduced;
- `learning`: a check that needs phones that really train.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import gboard_sim
from gboard_sim.experiment.experiment import Experiment

HERE = Path(__file__).parent
SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Row:
    """One published figure and ours.

    Attributes:
        number: Its number, with a letter where a row has parts.
        what: What it is.
        published: The figure as published.
        ours: Ours, one for each seed.
        kind: Its class; see above.
        lowest: Least value that counts as met.
        highest: Greatest value that counts as met.
        note: What was set, or why it misses.
    """

    number: str
    what: str
    published: str
    ours: tuple[float, ...]
    kind: Literal["identity", "input", "fitted", "check", "learning"]
    lowest: float
    highest: float
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the mean over seeds lies within the tolerance."""
        return bool(self.lowest <= np.mean(self.ours) <= self.highest)

    def record(self) -> dict[str, Any]:
        """The row as plain data; a tolerance without an upper end has None there."""
        highest = None if np.isinf(self.highest) else self.highest
        return asdict(self) | {
            "highest": highest,
            "met": self.met,
            "mean": float(np.mean(self.ours)),
        }

    def line(self) -> str:
        """The row as a line of a table: the mean over seeds, and the least and greatest."""
        mean, least, most = np.mean(self.ours), min(self.ours), max(self.ours)
        span = f"{mean:,.3g} ({least:,.3g} to {most:,.3g})"
        met = "in" if self.met else "OUT"
        return f"{self.number:4} {self.what:46} {self.published:14} {span:27} {met:4} {self.kind}"


def experiment(variant: str | None = None, **changes: Any) -> Experiment:
    """The experiment beside this file; `section__key=value` changes a key."""
    overrides = {name.replace("__", "."): value for name, value in changes.items()}
    return gboard_sim.load(HERE / "experiment.toml", variant=variant, overrides=overrides)
