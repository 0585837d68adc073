"""The fleet half of one run, put together: what it is told of the experiment."""

from collections.abc import Callable

from gboard_sim.fleet.fleet_end import FleetEnd
from gboard_sim.fleet.simulation import simulate
from gboard_sim.learning.typed_rows import TypedSizes
from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.protocols import Learner, Sized
from gboard_sim.world.world import World


def run_fleet(
    made: World,
    tokens: int,
    typed: TypedSizes | None,
    learner: Learner,
    journal: Journal,
    tell: Callable[[float, int], None],
) -> FleetEnd:
    """Run the fleet against a learner; `typed` tells sizes that follow from the phones' text."""
    settings, schedule = made.experiment, made.schedule
    versions, reason = settings.run.versions, "versions"
    lasts = None if made.claim is None else made.claim.bounds.versions
    if lasts is not None and lasts != versions:
        versions, reason = lasts, "budget:epsilon"
    parameters = made.wire(tokens).parameters
    if isinstance(schedule, Sized):
        schedule = schedule.sized(made.codec.payload_bytes(parameters))
    return simulate(
        made.population,
        made.rules,
        schedule,
        made.codec,
        learner,
        parameters=parameters,
        sizes=None if typed is None or made.codec.size == "measured" else typed.payload_bytes,
        flop_per_token=made.flop_per_token(tokens),
        seed=settings.run.seed,
        days=settings.run.days,
        versions=versions,
        versions_reason=reason,
        budgets=settings.run.budget.model_dump(exclude_none=True),
        evaluate_every=settings.evaluation.every,
        lookahead=settings.run.lookahead,
        terms=made.terms,
        windows=made.windows,
        weights=settings.server.weights,
        keeps_versions=made.downlink is not None,
        log=journal.sessions,
        log_installed=journal.installed,
        progress=tell,
    )
