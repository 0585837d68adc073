"""What the server wants of a round, when a run stops, and whether a fleet can do it at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from gboard_sim.errors import ExperimentError
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.population import Population
from gboard_sim.seam.records import Floats, Ints
from gboard_sim.seam.typing_record import Typed

Weights = Literal["examples", "tokens", "uniform"]


@dataclass(frozen=True, slots=True)
class RoundRules:
    """How a round selects, configures and closes (Bonawitz et al., MLSys 2019).

    Attributes:
        goal: Uploads that close a round.
        over_selection: Phones selected per upload wanted.
        deadline_s: Seconds from configuration until the round stops waiting.
        minimum: Fewest phones with which a round is configured, and fewest uploads with which one
            that timed out still makes a version.
        selection_timeout_s: Seconds after which selection makes do with `minimum` phones.
        interval_s: Shortest time between the configuration of a round and the next selection.
        sampled: Probability with which a coin of the server's draws each phone for a round; None
            selects by check-in. Drawn phones that check in before `selection_timeout_s` are
            configured then, however many, and what arrives by the deadline makes the version, with
            no top-up and if it is nothing: the times of such rounds say nothing of the coin.
    """

    goal: int
    over_selection: float = 1.3
    deadline_s: float = 600.0
    minimum: int = 1
    selection_timeout_s: float = 3600.0
    interval_s: float = 0.0
    sampled: float | None = None

    @property
    def selected(self) -> int:
        """Phones that a full selection holds."""
        return ceil(round(self.goal * self.over_selection, 9))


@dataclass(frozen=True, slots=True)
class StopRules:
    """When a run ends, whichever comes first; None is never.

    Attributes:
        days: Simulated days. No round is configured after them; one that is reporting closes.
        versions: Server steps.
        budgets: Limits of what is spent, by name; see `BUDGETS`. Looked at when a round closes.
        evaluate_every: Versions between those at which the learner may ask to stop.
        versions_reason: Why a run ends after so many versions.
    """

    days: float
    versions: int | None = None
    budgets: Mapping[str, float] | None = None
    evaluate_every: int = 1
    versions_reason: str = "versions"


BUDGETS = ("uplink_mb_per_phone", "downlink_mb_per_phone", "energy_j_per_phone", "trained_tokens")
"""By the names of their keys in `[run.budget]`, and in the reason why a run ended."""


def check(
    population: Population,
    typing: Typed,
    rules: RoundRules | BufferRules,
    pace: PaceRules,
    stop: StopRules,
    *,
    download_bytes: Ints,
    payload_bytes: int,
    flop_per_token: float,
) -> None:
    """Refuses a run that cannot make a single version.

    Args:
        population: The fleet.
        typing: Who typed how much.
        rules: What the server wants of a round.
        pace: When phones that were turned away come back.
        stop: When the run ends.
        download_bytes: Bytes of a first download, one per phone. Shape [phones].
        payload_bytes: Smallest payload.
        flop_per_token: Floating-point operations to train on one token.

    Raises:
        ExperimentError: Names the key, the value and what is allowed.
    """
    phones = population.phones
    if typing.phones != phones:
        raise ExperimentError(
            f"fleet.phones = {phones} is not allowed: the corpus has text for {typing.phones} "
            "phones; the two must be equal"
        )
    if not 1 <= rules.goal <= phones:
        raise ExperimentError(
            f"protocol.goal = {rules.goal} is not allowed: must be between 1 and "
            f"fleet.phones = {phones}"
        )
    if isinstance(rules, BufferRules) and not 1 <= rules.concurrency <= phones:
        raise ExperimentError(
            f"protocol.concurrency = {rules.concurrency} is not allowed: must be between 1 and "
            f"fleet.phones = {phones}: a phone is at work once at a time"
        )
    _check_kinds(population)
    if isinstance(rules, RoundRules) and not 1 <= rules.minimum <= rules.goal:
        raise ExperimentError(
            f"protocol.minimum = {rules.minimum} is not allowed: must be between 1 and "
            f"protocol.goal = {rules.goal}"
        )
    if not 0.0 < pace.retry_s[0] <= pace.retry_s[1]:
        raise ExperimentError(
            f"protocol.retry_s = {pace.retry_s} is not allowed: must be (shortest, longest), "
            "both above 0"
        )
    for name in stop.budgets or {}:
        if name not in BUDGETS:
            raise ExperimentError(
                f"run.budget.{name} is not a budget; there are: {', '.join(BUDGETS)}"
            )
    shortest = typing.shortest
    if shortest is None:
        raise ExperimentError("text: no phone has any text; there is nothing to train on")
    seconds = whole_session_s(
        population,
        download_bytes=download_bytes,
        payload_bytes=payload_bytes,
        tokens=shortest,
        flop_per_token=flop_per_token,
    )
    fastest_s = float(seconds.min())
    if isinstance(rules, RoundRules) and rules.deadline_s < fastest_s:
        raise ExperimentError(
            f"protocol.deadline_s = {rules.deadline_s:g} is not allowed: must be at least "
            f"{fastest_s:.3g}, the seconds that the fastest phone needs to download the model, "
            "train on one message and upload; most phones need several times that"
        )


def whole_session_s(
    population: Population,
    *,
    download_bytes: Ints,
    payload_bytes: int,
    tokens: int,
    flop_per_token: float,
) -> Floats:
    """Seconds of a session in which nothing fails, at mean rates. Shape [phones]."""
    wire = 1.0 / (1.0 - population.loss_share)
    seconds: Floats = (
        2.0 * population.round_trip_s
        + download_bytes * wire / population.down_bytes_per_s
        + tokens * flop_per_token / population.flop_per_s
        + payload_bytes * wire / population.up_bytes_per_s
    )
    return seconds


def _check_kinds(population: Population) -> None:
    """Refuses phones of a class, network or profile that their mix does not have."""
    mix = population.mix
    if mix is None:  # phones written by hand
        return
    for name, kind, kinds in (
        ("class", population.phone_class, mix.classes),
        ("network", population.network, mix.networks),
        ("profile", population.profile, mix.profiles),
    ):
        wrong = np.flatnonzero((kind < 0) | (kind >= len(kinds)))
        if len(wrong):
            phone = int(wrong[0])
            raise ExperimentError(
                f"fleet: phone {phone} is of {name} {kind[phone]}, which is not allowed: the mix "
                f"has {len(kinds)}, counted from 0"
            )
