"""The fleet of a run that has ended, played to another learner: what re-learning runs against.

The learner gets every cohort that the fleet closed, as it was recorded, but for the phones'
learning rate, which is the new schedule's. It must answer as the recorded one did wherever the
fleet's timing depends on it; the first answer that differs ends the run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc

from gboard_sim.errors import TimingChangedError
from gboard_sim.runlog import purposes
from gboard_sim.runlog.answers import read_outcomes
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.journal import Journal, read_stint
from gboard_sim.seam.protocols import Learner
from gboard_sim.seam.records import Cohort, Dropout, Ints, LocalWork, Outcome, Stint, Task, Upload
from gboard_sim.units import DAY_S

Plans = Callable[[int], tuple[LocalWork, ...]]
"""The local work of each phone class in cycles that start from a version."""


@dataclass(frozen=True, slots=True)
class RecordedFleet:
    """What a run directory says of its fleet.

    Attributes:
        directory: Of a learning run that has ended.
        plans: What the schedule says now, where it does not depend on the loss.
        phone_class: Index of each phone's class. Shape [phones].
        evaluate_every: Versions between those at which the learner may ask to stop.
        lookahead: Versions that the learner may be behind.
        rounds: Whether the phones of a cohort were configured together.
    """

    directory: RunDirectory
    plans: Plans
    phone_class: Ints
    evaluate_every: int
    lookahead: int
    rounds: bool

    @property
    def figures(self) -> dict[str, Any]:
        """The recorded summary."""
        return dict(self.directory.read_json("summary.json"))

    @property
    def facts(self) -> dict[str, Any]:
        """The recorded `fleet.json`."""
        return dict(self.directory.read_json("fleet.json"))

    @property
    def versions(self) -> int:
        """Server steps."""
        return int(self.figures["versions"])

    @property
    def ended_s(self) -> float:
        """When the run ended."""
        return float(self.figures["simulated_days"]) * DAY_S

    def play(self, learner: Learner, journal: Journal, tell: Callable[[float, int], None]) -> None:
        """Hand every cohort to a learner, and wait where the fleet waited.

        Args:
            learner: Who learns.
            journal: Where what the fleet says of its sessions is appended.
            tell: Receives the simulated time and the version whenever a cohort has closed.

        Raises:
            TimingChangedError: The fleet would have gone another way; names the session.
        """
        for name in ("sessions", "installed"):
            journal.copy(name, self.directory.table(name))
        recorded = read_outcomes(self.directory.table("answers"))
        plans: dict[int, tuple[LocalWork, ...]] = {}
        waited = 0

        def plan(version: int) -> tuple[LocalWork, ...]:
            if version not in plans:
                plans[version] = self.plans(version)
            return plans[version]

        for cohort in self._cohorts(plan):
            learner.step(cohort)
            if cohort.task != "train":
                continue
            version = cohort.makes_version
            judged = "stop" in learner.answers and version % self.evaluate_every == 0
            needed = judged or bool(learner.answers & {"local", "utility"})
            until = version if needed else version - self.lookahead
            while waited < until:
                waited += 1
                outcome = learner.outcome(waited)
            if needed:
                if "local" in learner.answers and outcome.local is not None:
                    plans[version] = outcome.local
                if _differs(outcome, recorded[version], judged=judged):
                    raise self._changed(self._first_from(version), f"version {version} came out")
            tell(cohort.closed_s, version)
        while waited < self.versions:
            waited += 1
            learner.outcome(waited)

    def _cohorts(self, plan: Plans) -> Iterator[Cohort]:
        """The cohorts in the order in which they closed, with the phones' rates of now."""
        used, lost = (self.directory.table(name) for name in ("cohorts", "dropouts"))
        version, task = used["makes_version"].to_numpy(), used["task"].to_numpy()
        edges = np.flatnonzero((version[1:] != version[:-1]) | (task[1:] != task[:-1])) + 1
        bounds = [0, *edges.tolist(), len(version)] if len(version) else []
        selected = self._selected() if self.rounds else {}
        for first, last in pairwise(bounds):
            rows = used.slice(first, last - first).to_pylist()
            makes = rows[0]["makes_version"]
            dropped: list[dict[str, Any]] = []
            if rows[0]["task"] == "train":
                dropped = lost.filter(pc.equal(lost["makes_version"], makes)).to_pylist()
            yield Cohort(
                task=cast(Task, rows[0]["task"]),
                makes_version=makes,
                closed_s=rows[0]["closed_s"],
                uploads=tuple(
                    Upload(
                        stints=self._stints(row, plan),
                        **{name: row[name] for name in _UPLOAD},
                    )
                    for row in rows
                ),
                weights=tuple(row["weight"] for row in rows),
                oldest_version=rows[0]["oldest_version"],
                dropouts=tuple(
                    Dropout(
                        stints=self._stints(row, plan), **{name: row[name] for name in _DROPOUT}
                    )
                    for row in dropped
                ),
                selected=selected.get(makes, 0) if rows[0]["task"] == "train" else 0,
            )

    def _selected(self) -> dict[int, int]:
        """Phones that were configured together for each version: at one instant, by the log."""
        names = ("task", "shape", "began_s", "wait_s", "used_in")
        table = self.directory.table("sessions", names)
        asked = purposes.by_row(table["task"], table["shape"], _trains)
        at_s = (table["began_s"].to_numpy() + table["wait_s"].to_numpy())[asked]
        used_in, first = np.unique(table["used_in"].to_numpy()[asked], return_index=True)
        order = np.sort(at_s)
        count = np.searchsorted(order, at_s[first] + _INSTANT_S)
        count -= np.searchsorted(order, at_s[first] - _INSTANT_S)
        return dict(zip(used_in.tolist(), count.tolist(), strict=True))

    def _stints(self, row: dict[str, Any], plan: Plans) -> tuple[Stint, ...]:
        """The stints of one attempt, with the rates of now.

        Raises:
            TimingChangedError: They would have been other work.
        """
        found = []
        for each in row["stints"]:
            stint = read_stint(each)
            work = plan(stint.version)[self.phone_class[stint.phone]]
            if replace(work, learning_rate=stint.local.learning_rate) != stint.local:
                raise self._changed(row["session"], f"the work of version {stint.version} is")
            found.append(replace(stint, local=work))
        return tuple(found)

    def _first_from(self, version: int) -> int:
        """The first session that began when the server was at a version or a later one."""
        sessions = self.directory.table("sessions", ("session", "version"))
        later = sessions.filter(pc.greater_equal(sessions["version"], version))["session"]
        return int(pc.min(later).as_py()) if len(later) else int(sessions.num_rows)

    def _changed(self, session: int, why: str) -> TimingChangedError:
        return TimingChangedError(
            f"timing changed at session {session} of {self.directory.path}: {why} different now, "
            "so that its phones would have gone another way; hint: run the experiment with a "
            "fleet of its own"
        )


_INSTANT_S = 1e-6
"""What a sum of two times may be off by."""


def _trains(task: str, shape: str) -> bool:
    """Whether the server sent a session its plan to train."""
    return task == "train" and purposes.configured(task, shape)


_UPLOAD = ("session", "phone", "nth", "payload_bytes", "sent_s", "arrived_s")
_DROPOUT = ("session", "phone", "shape", "at_s")


def _differs(told: Outcome, recorded: Outcome, *, judged: bool) -> bool:
    """Whether the fleet hears something else than it heard."""
    if judged and told.stop != recorded.stop:
        return True
    if told.utility != recorded.utility:
        return True
    return _amounts(told.local) != _amounts(recorded.local)


def _amounts(works: tuple[LocalWork, ...] | None) -> list[LocalWork] | None:
    """The work of each class whatever its learning rate."""
    return None if works is None else [replace(work, learning_rate=1.0) for work in works]
