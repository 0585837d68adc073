"""The tables of an experiment that are about phones and the server's protocol with them."""

from math import ceil
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gboard_sim.experiment.values import Count, Positive, Table

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Finite = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Backoff = Annotated[float, Field(ge=10.0, allow_inf_nan=False)]

_OF_ROUNDS = ("selector", "pool", "preferred_s")
_OF_BUFFERS = ("concurrency", "staleness_exponent", "max_staleness")
_NOT_OF_POISSON = (*_OF_ROUNDS, *_OF_BUFFERS, "over_selection", "minimum")
_OF_SELECTORS = {
    "first": ("pool", "preferred_s"),
    "uniform": ("preferred_s",),
    "longest_waiting": ("preferred_s",),
    "utility": (),
}
"""Keys that do nothing with each selector."""

_IDLE = {"rounds": _OF_BUFFERS, "buffered": _OF_ROUNDS, "poisson": _NOT_OF_POISSON}
"""Keys that do nothing with each kind."""


class Fleet(Table):
    """`[fleet]`: how many phones, and the mix of classes, networks and habits they come from.

    Attributes:
        phones: Their number; `all` takes one for every training user of a corpus.
        mix: A name from `devices/fleets/`.
        first_weekday: The weekday on which a run begins, at 00:00 UTC, for phones that live by
            their habits.
        trace: A Parquet or CSV file of recorded phones by which the fleet lives instead, see
            `devices/README.md`; None lives by habits.
        trace_end: What follows the trace's last day: `wrap` repeats it, after `stop` nobody is
            eligible.
        trace_days: Days after which it repeats or stops; None takes those of the trace.
        trace_needs: The signals that make a phone eligible when all of them hold.
    """

    phones: Annotated[int, Field(ge=1, le=10**8)] | Literal["all"]
    mix: str = "default"
    first_weekday: Weekday = "monday"
    trace: Annotated[str, Field(min_length=1)] | None = None
    trace_end: Literal["wrap", "stop"] = "wrap"
    trace_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    trace_needs: Annotated[
        tuple[Literal["idle", "charging", "unmetered"], ...], Field(min_length=1)
    ] = ("idle", "charging", "unmetered")

    @model_validator(mode="after")
    def _of_a_trace(self) -> "Fleet":
        for key in ("trace_end", "trace_days", "trace_needs") if self.trace is None else ():
            value = getattr(self, key)
            if key in self.model_fields_set and value != Fleet.model_fields[key].default:
                raise ValueError(f"{key}(={value!r}) does nothing without trace")
        if self.trace is not None and self.first_weekday != "monday":
            raise ValueError(
                f"first_weekday(={self.first_weekday!r}) does nothing with trace(={self.trace!r})"
            )
        return self


MINIMUM_SHARE = 0.8
"""Of the goal, where `protocol.minimum` is not set: FLASH's `update_frac`."""


class Protocol(Table):
    """`[protocol]`: how the server selects, configures and aggregates.

    Rounds are those of Bonawitz et al. (MLSys 2019); `buffered` is FedBuff (Nguyen et al., AISTATS
    2022), which has no use for how rounds select and close: `over_selection`, `minimum`,
    `interval_s`, deadline and time-out. A phone takes part at most once in each of its windows, of
    which one that lasts longer than `again_h` counts as another every so many hours.

    Attributes:
        kind: `rounds`; `buffered` for asynchronous aggregation; or `poisson`, rounds for which a
            secret coin draws each phone with probability `goal` over `fleet.phones`: whoever is
            drawn and checks in within `selection_timeout_s` is configured at its end, and what
            arrives by the deadline makes the version, however little.
        goal: Uploads that close a round, or fill the buffer, or phones that coins draw on average.
        over_selection: Phones selected per upload wanted; 1.3 in production (section 9 there).
        deadline_s: Seconds from configuration until a round stops waiting.
        minimum: Fewest uploads with which a round that timed out still makes a version; None is
            80% of the goal (assumed).
        selection_timeout_s: Seconds after which selection stops waiting for phones.
        interval_s: Shortest time between the configuration of a round and the next selection: a
            server that waits keeps uploads from growing stale where phones upload rarely.
        concurrency: Phones that are at work at any time; `buffered` needs it.
        staleness_exponent: a in the weight (1 + staleness)^-a of a buffered upload.
        max_staleness: Staler uploads are rejected; None accepts all.
        session_timeout_s: Seconds from its configuration after which the server gives a phone up;
            None is never. Four minutes in Papaya (Huba et al., MLSys 2022).
        interruption: What leaving its window does to a session: `abort`, or `pause` until the
            phone's next window.
        selector: Which of the phones that are held are configured: `first` come, `uniform`,
            `longest_waiting`, or `utility` as in Oort (Lai et al., OSDI 2021).
        pool: Phones held per phone configured, for all selectors but `first`.
        preferred_s: Session length beyond which `utility` marks a phone down.
        pace: How phones that were turned away come back: within `retry_s` of a `window`, or
            `steered` by how many are wanted.
        retry_s: Shortest and longest time after which a phone that was turned away may return; at
            least 10 s, as in Android (`MIN_BACKOFF_MILLIS` of `JobInfo` and WorkManager).
        again_h: Hours after which a phone that is still in the same window may take part in it
            again, as in a new one; at least 0.01 (assumed). A day is Gboard's rule: a client takes
            part at most once in 24 hours (the notebooks of google-research/federated).
        round_s: How often `steered` wants a full selection.
        meeting_s: Period of the meetings to which `steered` calls a small fleet.
        separation_versions: Fewest versions between two that use uploads of one phone.
        separation_h: Fewest hours from a phone's session to its next check-in that is accepted.
        max_participations: Most versions that use an upload of one phone; None is no limit.
        min_examples: Fewest messages that a phone must hold to take part.
    """

    kind: Literal["rounds", "buffered", "poisson"] = "rounds"
    goal: Count
    over_selection: Annotated[float, Field(ge=1.0, le=10.0)] = 1.3
    deadline_s: Positive = 600.0
    minimum: Count | None = None
    selection_timeout_s: Positive = 3600.0
    interval_s: Finite = 0.0
    concurrency: Count | None = None
    staleness_exponent: Finite = 0.5
    max_staleness: Annotated[int, Field(ge=0)] | None = None
    session_timeout_s: Positive | None = None
    interruption: Literal["abort", "pause"] = "abort"
    selector: Literal["first", "uniform", "longest_waiting", "utility"] = "first"
    pool: Annotated[float, Field(ge=1.0, le=100.0)] = 2.0
    preferred_s: Positive = 120.0
    pace: Literal["window", "steered"] = "window"
    retry_s: tuple[Backoff, Backoff] = (900.0, 3600.0)
    again_h: Annotated[float, Field(ge=0.01, allow_inf_nan=False)] = 24.0
    round_s: Positive = 144.0
    meeting_s: Positive = 900.0
    separation_versions: Count = 1
    separation_h: Finite = 0.0
    max_participations: Count | None = None
    min_examples: Count = 1

    @property
    def selected(self) -> int:
        """Phones that a full selection holds."""
        return ceil(round(self.goal * self.over_selection, 9))

    @property
    def fewest(self) -> int:
        """Fewest uploads of which a round makes a version."""
        return self.minimum or max(1, round(MINIMUM_SHARE * self.goal))

    @model_validator(mode="after")
    def _ordered(self) -> "Protocol":
        if self.minimum is not None and self.minimum > self.goal:
            raise ValueError(f"minimum(={self.minimum}) must be at most goal(={self.goal})")
        if self.retry_s[0] > self.retry_s[1]:
            raise ValueError(f"retry_s(={self.retry_s}) must be (shortest, longest)")
        return self

    @model_validator(mode="after")
    def _complete(self) -> "Protocol":
        if self.kind == "buffered" and self.concurrency is None:
            raise ValueError("kind(='buffered') needs concurrency")
        idle = {
            "kind": _IDLE[self.kind],
            "selector": () if self.kind != "rounds" else _OF_SELECTORS[self.selector],
            "pace": ("round_s", "meeting_s") if self.pace == "window" else (),
        }
        for key, keys in idle.items():
            for name in keys:
                value, default = getattr(self, name), Protocol.model_fields[name].default
                if name in self.model_fields_set and value != default:
                    raise ValueError(
                        f"{name}(={value}) does nothing with {key}(={getattr(self, key)!r}) "
                        "(hint: leave it out"
                        + (")" if default is None else f", or set it to its default {default})")
                    )
        return self


class Allowance(Table):
    """`[allowance]`: what a phone may spend in its own day and in thirty days; None is no limit.

    A phone whose next session would pass a limit, if it costs what the last one did, is turned
    away; but one session is let through in each day or month, whatever it costs.

    Attributes:
        mb_per_day: Megabytes, both ways together.
        mb_per_month: The same in thirty days.
        j_per_day: Joules above idle.
        j_per_month: The same in thirty days.
    """

    mb_per_day: Positive | None = None
    mb_per_month: Positive | None = None
    j_per_day: Positive | None = None
    j_per_month: Positive | None = None


class FederatedEvaluation(Table):
    """`[federated_evaluation]`: versions are judged on phones, on text that they never train on.

    While a version waits to be judged, phones that check in and can do it are held for that until
    there are enough, and all others for training: a server runs both beside each other.

    Attributes:
        every: Versions between those that are judged; version 0 is the first.
        goal: Reports wanted.
        over_selection: Phones selected per report wanted.
        deadline_s: Seconds from configuration until the server stops waiting.
        selection_timeout_s: Seconds after which selection makes do with the phones it has.
    """

    every: Count
    goal: Count
    over_selection: Annotated[float, Field(ge=1.0, le=10.0)] = 1.3
    deadline_s: Positive = 600.0
    selection_timeout_s: Positive = 3600.0


class Sync(Table):
    """`[sync]`: phones that nobody selected install the newest version, to serve their users.

    Attributes:
        every_h: Fewest hours between two installs of a phone.
        min_lag: Fewest versions behind the newest at which a phone installs it.
    """

    every_h: Positive = 24.0
    min_lag: Count = 1
