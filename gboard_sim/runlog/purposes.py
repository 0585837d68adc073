"""What the bytes of a session were for: the one rule of summaries and report pages."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

UPLINK = ("used", "unused", "broken_off", "evaluation")
"""Updates that became part of a version; that came too late, or damaged; that never arrived; and
metrics."""

DOWNLINK = ("training", "evaluation", "install")
"""Models to train from, to be judged, and to serve the keyboard; installs are no sessions."""

CORRUPT = "*#"
"""How the shape of a session ends whose upload arrived and failed its checksum."""

WORK = frozenset("v[+")
"""Signs of which a session that got to work has at least one: see `records.Sessions`."""


SILENT = "]"
"""How the shape of a session ends whose phone checked in, trained, and held its update back."""


def holds_back(task: str, shape: str) -> bool | None:
    """Whether a session's update was held back; None where none was ready to be sent."""
    if task != "train" or not shape.startswith("-"):
        return None
    return True if shape.endswith(SILENT) else False if "+" in shape else None


def uplink(task: str, shape: str) -> str:
    """What the bytes that left a phone in a session of this task and shape were for."""
    if task == "evaluate":
        return "evaluation"
    return {"^": "used", "#": "unused"}.get(shape[-1:], "broken_off")


def downlink(task: str) -> str:
    """What the bytes that reached a phone in a session of this task were for."""
    return "evaluation" if task == "evaluate" else "training"


def configured(_task: str, shape: str) -> bool:
    """Whether the server sent its plan to the phone of a session of this shape, for any task."""
    return shape[:1] == "-" and not WORK.isdisjoint(shape)


def by_row(task: Any, shape: Any, rule: Callable[[str, str], int]) -> npt.NDArray[Any]:
    """A rule of task and shape for every session, asked once for each pair of them.

    Args:
        task: Column of the table `sessions`.
        shape: Column of the table `sessions`.
        rule: A number or a truth.

    Returns:
        Its answers. Shape [sessions].
    """
    tasks, shapes = (column.combine_chunks().dictionary_encode() for column in (task, shape))
    answers = [
        [rule(t, s) for s in shapes.dictionary.to_pylist()] for t in tasks.dictionary.to_pylist()
    ]
    if not answers:
        return np.zeros(0, dtype=np.bool_)
    found: npt.NDArray[Any] = np.array(answers)[tasks.indices.to_numpy(), shapes.indices.to_numpy()]
    return found
