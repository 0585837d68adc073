"""What a run asks of its fleet against what the fleet can give, said before the run begins.

What can never happen is refused; what is hopeless but for luck is warned of. Text, windows and
sessions are looked at phone by phone, in large fleets those of the first phones: every phone is
drawn alike.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from gboard_sim.errors import ExperimentError, GboardSimWarning
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.habits import HabitWindows
from gboard_sim.fleet.intervals import Intervals
from gboard_sim.fleet.population import Population
from gboard_sim.fleet.rules import RoundRules, StopRules, whole_session_s
from gboard_sim.fleet.terms import Terms
from gboard_sim.fleet.windows import WindowSource
from gboard_sim.seam.protocols import Schedule
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.seam.typing_record import Typed
from gboard_sim.units import BYTES_PER_MB, DAY_S, mbit_per_s

_MOST_PHONES = 20_000  # looked at one by one: a tenth of a second for each day (measured)
_MOST_DAYS = 4  # whose windows are looked at (assumed)
_MOST_WINDOWS = 10_000  # asked about (assumed: more than any run has)
_MOMENTS = 5  # at which caches are looked into (assumed)
_NO_CAP = np.iinfo(np.int64).max
_CENTRAL = 1  # of low, central and high
_DOWNLOAD = 0  # of the phases


@dataclass(frozen=True, slots=True)
class Demand:
    """What the server demands of its fleet, by the names of its keys.

    Attributes:
        rules: How it selects and aggregates.
        terms: On which terms phones take part.
        stop: When the run ends.
        download_bytes: Bytes of a first download.
        payload_bytes: Smallest payload.
        flop_per_token: Floating-point operations to train on one token.
        cycle: Windows that a phone spends until its first upload.
    """

    rules: RoundRules | BufferRules
    terms: Terms
    stop: StopRules
    download_bytes: int
    payload_bytes: int
    flop_per_token: float
    cycle: int = 1

    @property
    def needed(self) -> int:
        """Fewest phones whose uploads make a version; no two of them are one phone's."""
        return self.rules.minimum if isinstance(self.rules, RoundRules) else self.rules.goal

    @property
    def goal(self) -> str:
        """What it asks of a version, in words."""
        if isinstance(self.rules, RoundRules):
            return f"protocol.goal = {self.rules.goal} (protocol.minimum = {self.rules.minimum})"
        return f"protocol.goal = {self.rules.goal}"

    @property
    def together(self) -> int:
        """Phones that are at work at once."""
        if isinstance(self.rules, RoundRules):
            return self.rules.selected
        return self.rules.concurrency

    @property
    def patience(self) -> tuple[str, float]:
        """The key that ends a session of training soonest, and its seconds."""
        limits = [("protocol.session_timeout_s", self.terms.session_timeout_s)]
        if isinstance(self.rules, RoundRules):
            limits.append(("protocol.deadline_s", self.rules.deadline_s))
        return min(limits, key=lambda limit: limit[1])


def first_upload(schedule: Schedule) -> int:
    """Windows that a phone spends until its first upload; `_MOST_WINDOWS` for as many or more."""
    sends = schedule.uploads(np.arange(_MOST_WINDOWS))
    return int(np.argmax(sends)) + 1 if sends.any() else _MOST_WINDOWS


def check_feasible(
    demand: Demand, population: Population, typing: Typed, windows: WindowSource, seed: int
) -> None:
    """Refuses what this fleet can never do, and warns of what it hardly will.

    Args:
        demand: What the server demands.
        population: The phones.
        typing: Who types how much, when.
        windows: When they are eligible.
        seed: Keys the habits of the phones that stand for a large fleet.

    Raises:
        ExperimentError: Names the key, the value and what is allowed.
    """
    phones = population.phones
    _check_bounds(demand, phones)
    _check_allowance(demand, population)
    _check_server_links(demand, population)
    looked_at = min(phones, _MOST_PHONES)
    if looked_at < phones:
        population = _first(population, looked_at)
        if isinstance(windows, HabitWindows):
            windows = HabitWindows(population, seed)
    share = phones / looked_at
    whole = looked_at == phones

    def enough(able: Flags, certain: bool, reason: str) -> None:
        found = round(able.sum() * share)
        if found >= demand.needed:
            return
        message = f"only {found} of {phones} phones {reason}"
        if certain and whole:
            raise ExperimentError(f"{demand.goal} is not allowed: {message}")
        _warn(f"{demand.goal}: {message}")

    least = demand.terms.admission.min_examples
    ever, mostly = _with_text(typing, looked_at, demand.stop.days, least)
    hold = f"hold protocol.min_examples = {least} messages"
    enough(ever, True, f"ever {hold}")
    enough(mostly, False, f"{hold} at any of {_MOMENTS} moments of the run")
    shortest = typing.shortest
    seconds = whole_session_s(
        demand.terms.capacity.alone(population),
        download_bytes=np.full(looked_at, demand.download_bytes),
        payload_bytes=demand.payload_bytes,
        tokens=shortest or 0,
        flop_per_token=demand.flop_per_token,
    )
    key, limit_s = demand.patience
    enough(
        ever & (seconds <= limit_s),
        False,
        f"can download the model, train on one message and upload in {key} = {limit_s:g}",
    )
    met, fits, days = _eligible(windows, seconds, demand.stop.days, demand.terms.again_s)
    eligible = met > 0
    during = f"in the run's first {days} days" if days < demand.stop.days else "in the run"
    certain = days >= demand.stop.days
    enough(ever & eligible, certain, f"with text are ever eligible {during}")
    if not demand.terms.pauses:
        enough(ever & fits, False, f"with text are ever eligible {during} for a whole session")
    if demand.cycle > 1:
        in_run = met * (demand.stop.days / days)
        reason = f"have the {demand.cycle} eligible windows that a cycle of the schedule takes"
        enough(ever & (in_run >= demand.cycle), False, f"{reason} (as of {days:g} days)")
    rules = demand.terms.evaluation
    if rules is not None:
        judges = typing.held_out_tokens(np.arange(looked_at)) > 0
        if round((judges & eligible).sum() * share) < rules.goal:
            _warn(
                f"federated_evaluation.goal = {rules.goal}: only "
                f"{round((judges & eligible).sum() * share)} of {phones} phones hold text that "
                f"they never train on and are ever eligible {during}"
            )


def _check_bounds(demand: Demand, phones: int) -> None:
    """What the bounds on participation leave of the versions wanted."""
    bounds, versions = demand.terms.admission, demand.stop.versions
    apart, most = bounds.separation_versions, bounds.max_participations
    able = phones // demand.needed
    if min(apart, versions or apart) > able:
        message = (
            f"protocol.separation_versions = {apart}: after {able} versions every phone has "
            f"been used too lately, with {demand.goal} and fleet.phones = {phones}"
        )
        if versions is not None:
            raise ExperimentError(f"{message}; run.versions = {versions} are not possible")
        _warn(message)
    if versions is not None and bounds.separation_h > 0.0:
        each = 1 + int(24.0 * demand.stop.days / bounds.separation_h)
        if versions * demand.needed > each * phones:
            raise ExperimentError(
                f"protocol.separation_h = {bounds.separation_h:g} is not allowed: run.versions = "
                f"{versions} with {demand.goal} need {versions * demand.needed} uploads, and "
                f"fleet.phones = {phones} may give {each * phones} in run.days = "
                f"{demand.stop.days:g}"
            )
    if most is not None and versions is not None and versions * demand.needed > most * phones:
        raise ExperimentError(
            f"protocol.max_participations = {most} is not allowed: run.versions = {versions} "
            f"with {demand.goal} need {versions * demand.needed} uploads, and fleet.phones = "
            f"{phones} may give {most * phones}"
        )


def _check_allowance(demand: Demand, population: Population) -> None:
    """Limits that no session can keep."""
    size, limits = demand.download_bytes, demand.terms.allowance
    wire = size / (1.0 - population.loss_share)
    watts = population.power_w[_DOWNLOAD, _CENTRAL]
    least_mb = float(wire.min()) / BYTES_PER_MB
    least_j = float((watts * (wire / population.down_bytes_per_s)).min())
    for key, limit, least, unit in (
        ("mb_per_day", limits.mb_per_day, least_mb, "megabytes"),
        ("mb_per_month", limits.mb_per_month, least_mb, "megabytes"),
        ("j_per_day", limits.j_per_day, least_j, "joules"),
        ("j_per_month", limits.j_per_month, least_j, "joules"),
    ):
        if limit is not None and limit < least:
            raise ExperimentError(
                f"allowance.{key} = {limit:g} is not allowed: must be at least {least:.3g}, the "
                f"{unit} of one download of the model"
            )


def _check_server_links(demand: Demand, population: Population) -> None:
    """What the links that all phones share carry, against what versions take of them.

    A phone may have downloaded before the session in which it uploads, so that only uploads must
    pass within the time of a session; downloads pass at some time in the run.
    """
    capacity, (key, patience_s) = demand.terms.capacity, demand.patience
    run_s = demand.stop.days * DAY_S
    wire = 1.0 / (1.0 - float(population.loss_share.min()))
    for way, limit, size, most_s in (
        ("down", capacity.server_down_mbit_per_s, demand.download_bytes, run_s),
        ("up", capacity.server_up_mbit_per_s, demand.payload_bytes, min(run_s, patience_s)),
    ):
        if limit is None:
            continue
        link = f"network.server_{way}_mbit_per_s = {limit:g}"
        loads = f"{way}loads of {size / BYTES_PER_MB:.3g} MB"
        each_s = size * wire / mbit_per_s(limit)
        least_s = demand.needed * each_s
        if least_s > most_s:
            bound = f"{key} = {patience_s:g}" if most_s < run_s else f"run.days = {run_s / DAY_S:g}"
            raise ExperimentError(
                f"{link} is not allowed with {demand.goal}: {demand.needed} {loads} take at least "
                f"{least_s:.3g} s, more than {bound}"
            )
        if demand.together * each_s > patience_s:
            _warn(
                f"{link}: the {loads} of {demand.together} phones at once take at least "
                f"{demand.together * each_s:.3g} s, more than {key} = {patience_s:g}"
            )


def _with_text(typing: Typed, phones: int, days: float, least: int) -> tuple[Flags, Flags]:
    """Who types so many messages at all, and who holds them at some moment. Shape [phones]."""
    phone = np.arange(phones)
    end_s = days * DAY_S
    _, none = typing.cached(phone, np.full(phones, -1.0), _NO_CAP)
    _, all_ = typing.cached(phone, np.full(phones, end_s), _NO_CAP)
    mostly = np.zeros(phones, dtype=bool)
    for at_s in np.linspace(0.0, end_s, _MOMENTS).tolist():
        first, last = typing.cached(phone, np.full(phones, at_s), _NO_CAP)
        mostly |= last - first >= least
    ever: Flags = all_ - none >= least
    return ever, mostly


def _eligible(
    windows: WindowSource, seconds: Floats, days: float, again_s: float
) -> tuple[Ints, Flags, float]:
    """Windows of each phone, who has one for a whole session, and in how many days. Shape [n].

    One that lasts longer than `again_s` counts as another every so often.
    """
    met, fits = np.zeros(len(seconds), dtype=np.int64), np.zeros(len(seconds), dtype=bool)
    end_s = days * DAY_S
    known_s = 0.0
    for found, until_s in _days(windows):
        inside = (found.phone < len(seconds)) & (found.end_s > 0.0) & (found.start_s < end_s)
        phone = found.phone[inside]
        long = found.end_s[inside] - np.maximum(found.start_s[inside], 0.0)
        parts = np.maximum(1.0, np.ceil(np.minimum(long, end_s) / again_s))
        met += np.bincount(phone, weights=parts, minlength=len(seconds)).astype(np.int64)
        fits[phone[long >= seconds[phone]]] = True
        known_s = until_s
        if known_s >= min(end_s, _MOST_DAYS * DAY_S):
            break
    return met, fits, min(days, max(known_s, 0.0) / DAY_S)


def _days(windows: WindowSource) -> Iterator[tuple[Intervals, float]]:
    """The windows of day after day in seconds of the run, and until when all are known."""
    day = windows.first_day
    while True:
        begins_s, found = windows.begins_s(day), windows.day(day)
        day += 1
        moved = Intervals(found.phone, found.start_s + begins_s, found.end_s + begins_s)
        yield moved, windows.begins_s(day)


def _first(population: Population, phones: int) -> Population:
    """The first phones of a population."""
    columns: dict[str, Any] = {
        field.name: getattr(population, field.name) for field in fields(Population)
    }
    mix = columns.pop("mix")
    return Population(mix=mix, **{name: column[..., :phones] for name, column in columns.items()})


def _warn(message: str) -> None:
    warnings.warn(message, GboardSimWarning, stacklevel=3)
