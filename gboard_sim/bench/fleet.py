"""`gboard-sim bench fleet`: what a simulated day of a phone costs as phones and days grow."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from gboard_sim import catalogue
from gboard_sim.bench.work import BATCH_SIZE, LEARNING_RATE, SEED
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import LocalPlan
from gboard_sim.communication.schedules.fixed import Fixed
from gboard_sim.fleet.fake_learner import FakeLearner, plausible_typing
from gboard_sim.fleet.fleet_end import FleetEnd
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.simulation import simulate
from gboard_sim.learning.model.spec import flop_per_token, load_spec, parameter_count
from gboard_sim.machine import MachineMeter

SIZES = (1_000, 10_000, 100_000)
QUICK_SIZES = (1_000, 5_000)
LARGEST = 1_000_000
"""Only where it is asked for."""

DAYS = (1.0, 2.0, 4.0, 8.0)
QUICK_DAYS = (1.0, 2.0)
"""Simulated days: every size runs for the first of them, the largest but one for all."""

MODEL = "gboard-cifg"
"""Whose updates the phones send."""

RULES = RoundRules(goal=100, deadline_s=600.0, minimum=80)
"""A round as in the literature: a hundred phones (Hard et al. 2018), 80% of which are enough."""


@dataclass(frozen=True, slots=True)
class Row:
    """One size of fleet and length of run; seconds are the median over repeats.

    Attributes:
        phones: Phones.
        days: Simulated days.
        runs: Repeats.
        wall_s: Wall seconds, generating the phones and their text left out.
        phone_days_per_s: Phones times days over `wall_s`.
        us_per_phone_day: Microseconds of `wall_s` for a simulated day of one phone.
        checkins: Check-ins.
        sessions: Sessions.
        versions: Server steps.
        peak_rss_bytes: Most resident memory of the process, earlier rows' leavings included.
    """

    phones: int
    days: float
    runs: int
    wall_s: float
    phone_days_per_s: float
    us_per_phone_day: float
    checkins: int
    sessions: int
    versions: int
    peak_rss_bytes: int


def rows(*, repeats: int, quick: bool, million: bool, tell: Callable[[str], None]) -> list[Row]:
    """Run fleets of several sizes, then one of them for more days, with a learner of nothing.

    Args:
        repeats: Times that each runs.
        quick: Small fleets.
        million: A million phones too.
        tell: Told what is under way.
    """
    sizes, (first, *longer) = (QUICK_SIZES, QUICK_DAYS) if quick else (SIZES, DAYS)
    works = [(phones, first) for phones in sizes]
    works += [(sizes[-2], days) for days in longer]
    works += [(LARGEST, first)] * million  # last, because memory once taken stays
    return [_row(phones, days, repeats, tell) for phones, days in works]


def _row(phones: int, days: float, repeats: int, tell: Callable[[str], None]) -> Row:
    walls, ends = [], []
    with MachineMeter() as meter:
        for repeat in range(repeats):
            tell(f"{phones:,} phones, days {days:g}: {repeat + 1} of {repeats}")
            wall_s, end = _timed(phones, days)
            walls.append(wall_s)
            ends.append(end)
    wall_s = median(walls)
    return Row(
        phones=phones,
        days=days,
        runs=repeats,
        wall_s=wall_s,
        phone_days_per_s=phones * days / wall_s,
        us_per_phone_day=1e6 * wall_s / (phones * days),
        checkins=ends[0].checkins,
        sessions=ends[0].sessions,
        versions=ends[0].versions,
        peak_rss_bytes=meter.peak_rss_bytes,
    )


def _timed(phones: int, days: float) -> tuple[float, FleetEnd]:
    """One run of the fleet `default`: its wall seconds, and what it came to."""
    mix = load_fleet("default", catalogue.read)
    population = populate(mix, phones, SEED)
    spec = load_spec(MODEL)
    parameters = parameter_count(spec, spec.vocabulary)
    learner = FakeLearner(plausible_typing(phones, days, SEED), Fp32().payload_bytes(parameters))
    plan = LocalPlan(
        classes=tuple(kind.name for kind in mix.classes),
        batch_size=BATCH_SIZE,
        learning_rate=LearningRate(LEARNING_RATE),
        epochs=1,
    )
    began = perf_counter()
    end = simulate(
        population,
        RULES,
        Fixed(plan),
        Fp32(),
        learner,
        parameters=parameters,
        flop_per_token=flop_per_token(spec, spec.vocabulary),
        seed=SEED,
        days=days,
    )
    return perf_counter() - began, end
