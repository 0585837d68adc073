"""The catalogue of schedules: when phones upload, and how much they train between uploads."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.adacomm import AdaComm
from gboard_sim.communication.schedules.cmfl import Cmfl
from gboard_sim.communication.schedules.data_budget import DataBudget
from gboard_sim.communication.schedules.decreasing import Decreasing
from gboard_sim.communication.schedules.every_kth import EveryKth
from gboard_sim.communication.schedules.fixed import Fixed
from gboard_sim.communication.schedules.lazy import Lazy
from gboard_sim.communication.schedules.linear_growth import LinearGrowth
from gboard_sim.communication.schedules.norm_triggered import NormTriggered
from gboard_sim.communication.schedules.post_local import PostLocal
from gboard_sim.communication.schedules.quadratic import Quadratic

AnySchedule = (
    Fixed
    | EveryKth
    | DataBudget
    | PostLocal
    | LinearGrowth
    | Decreasing
    | Quadratic
    | AdaComm
    | NormTriggered
    | Lazy
    | Cmfl
)

_KINDS: tuple[type[AnySchedule], ...] = (
    Fixed,
    EveryKth,
    DataBudget,
    PostLocal,
    LinearGrowth,
    Decreasing,
    Quadratic,
    AdaComm,
    NormTriggered,
    Lazy,
    Cmfl,
)

SCHEDULES: dict[str, type[AnySchedule]] = {kind.name: kind for kind in _KINDS}
"""Every schedule by its name in experiment files."""


def options(name: str) -> tuple[str, ...]:
    """The keys of `[schedule]` that the schedule `name` understands, beside `name`."""
    given_by_others = ("work", "payload_bytes")
    return tuple(f.name for f in fields(SCHEDULES[name]) if f.name not in given_by_others)


def build(name: str, work: LocalPlan, given: Mapping[str, Any]) -> AnySchedule:
    """The schedule that an experiment file asks for.

    Args:
        name: A key of `SCHEDULES`.
        work: How much each class of phone trains.
        given: The schedule's own options by name, such as `{"k": 4}`; the rest take defaults.

    Raises:
        ValueError: There is no such schedule, it has no such option, or a value is out of range.
    """
    if name not in SCHEDULES:
        raise ValueError(f"schedule name(={name!r}) must be one of {', '.join(SCHEDULES)}")
    known = options(name)
    for key in given:
        if key not in known:
            allowed = f"it has {', '.join(known)}" if known else "it has no options"
            raise ValueError(f"schedule {name!r} has no option {key!r}; {allowed}")
    return SCHEDULES[name](work=work, **given)
