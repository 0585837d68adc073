"""Runs a fleet: the one entry point of this half."""

from collections.abc import Callable, Mapping

import numpy as np
import simpy

from gboard_sim.fleet.accounts import Accounts, Eligibility
from gboard_sim.fleet.admission import Admission
from gboard_sim.fleet.alarms import Steps
from gboard_sim.fleet.allowance import Allowance
from gboard_sim.fleet.buffer import Buffer
from gboard_sim.fleet.buffer_in_arrays import BufferInArrays
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.check_in import CheckIns
from gboard_sim.fleet.choice import Chooser
from gboard_sim.fleet.conditions import Conditions
from gboard_sim.fleet.continuous_sync import ContinuousSync, Histogram
from gboard_sim.fleet.feasibility import Demand, check_feasible, first_upload
from gboard_sim.fleet.federated_evaluation import FederatedEvaluation
from gboard_sim.fleet.fleet_end import FleetEnd
from gboard_sim.fleet.flight_desk import FlightDesk
from gboard_sim.fleet.habits import HabitWindows
from gboard_sim.fleet.invariants import Invariants
from gboard_sim.fleet.live_sessions import LiveSessions
from gboard_sim.fleet.pacing import Pacing
from gboard_sim.fleet.payloads import Payloads
from gboard_sim.fleet.phones import Phones
from gboard_sim.fleet.population import Population
from gboard_sim.fleet.rounds import Rounds
from gboard_sim.fleet.rules import RoundRules, StopRules, Weights, check
from gboard_sim.fleet.server import Server
from gboard_sim.fleet.session import SessionDesk
from gboard_sim.fleet.terms import Terms
from gboard_sim.fleet.windows import Calendar, WindowSource
from gboard_sim.fleet.work import Work
from gboard_sim.seam.protocols import Answered, Codec, Learner, Schedule, Triggered
from gboard_sim.seam.records import Sessions
from gboard_sim.seam.uploads import Sizes
from gboard_sim.units import DAY_S, HOUR_S

_STRETCH_S = 900.0  # seconds of check-ins worked through together (assumed); never changes a bit


def _invariants(rules: RoundRules | BufferRules, terms: Terms, phones: int) -> Invariants:
    """What must hold of every run under such rules."""
    sampled = isinstance(rules, RoundRules) and rules.sampled is not None
    return Invariants(
        phones,
        phones if sampled else rules.goal,
        terms.admission,
        exact=isinstance(rules, BufferRules),
        empty=sampled,
    )


def _protocol(
    rules: RoundRules | BufferRules,
    server: Server,
    desk: FlightDesk,
    phones: Phones,
    chooser: Chooser,
    *,
    seed: int,
    streams: bool,
) -> Steps:
    """How the server selects and aggregates."""
    if isinstance(rules, RoundRules):
        return Rounds(server=server, desk=desk, rules=rules, chooser=chooser, seed=seed).run()
    if desk.foresees:
        made = BufferInArrays(server=server, desk=desk, rules=rules, phones=phones, streams=streams)
        return made.run()
    return Buffer(server=server, desk=desk, rules=rules).run()


def simulate(
    population: Population,
    rules: RoundRules | BufferRules,
    schedule: Schedule,
    codec: Codec,
    learner: Learner,
    *,
    parameters: int,
    sizes: Sizes | None = None,
    flop_per_token: float,
    seed: int,
    days: float,
    versions: int | None = None,
    versions_reason: str = "versions",
    budgets: Mapping[str, float] | None = None,
    evaluate_every: int = 1,
    lookahead: int = 8,
    weights: Weights = "examples",
    keeps_versions: bool = False,
    terms: Terms | None = None,
    windows: WindowSource | None = None,
    stretch_s: float = _STRETCH_S,
    log: Callable[[Sessions], None] = lambda _: None,
    log_installed: Histogram = lambda _at_s, _version, _phones: None,
    progress: Callable[[float, int], None] = lambda _now_s, _version: None,
) -> FleetEnd:
    """Runs a fleet until a stop rule holds, and checks what it did.

    Args:
        population: The phones.
        rules: How a round selects, configures and closes, or how an asynchronous server buffers.
        schedule: When phones upload and how much they train.
        codec: How large an update is.
        learner: The learning half, or a `FakeLearner`.
        parameters: Numbers in an update.
        sizes: How large each attempt's update is, where that follows from its text.
        flop_per_token: Floating-point operations to train on one token.
        seed: Keys everything random.
        days: Simulated days; see `StopRules`.
        versions: Server steps after which the run stops.
        versions_reason: Why it does.
        budgets: See `StopRules`.
        evaluate_every: Versions between those at which the learner may ask to stop.
        lookahead: Versions that the fleet may run ahead of the learner. Never changes a bit.
        weights: What an upload's weight is.
        keeps_versions: Whether a phone keeps the version that it downloaded last, and is priced
            the way from there to the next.
        terms: On which phones take part; None takes the defaults.
        windows: Where eligible windows come from; None makes them from the phones' habits.
        stretch_s: Seconds of check-ins worked through together. Never changes a bit.
        log: Receives every session once, in blocks and in order, as soon as its end is certain.
        log_installed: Receives the histogram of installed versions, hour by hour; see `Terms.sync`.
        progress: Receives the simulated time and the version whenever a round closes.

    Raises:
        ExperimentError: The fleet cannot make a single version with these settings.
        InvariantError: The run broke a promise of the simulator.
    """
    typing = learner.typing()
    terms = terms or Terms()
    stop = StopRules(days, versions, budgets, evaluate_every, versions_reason)
    first_download = learner.download_bytes(np.full(1, -1, dtype=np.int64), 0)
    known = codec.size == "fixed" and sizes is None
    payload_bytes = codec.payload_bytes(parameters) if known else 1
    check(
        population,
        typing,
        rules,
        terms.pace,
        stop,
        download_bytes=np.full(population.phones, first_download[0]),
        payload_bytes=payload_bytes,
        flop_per_token=flop_per_token,
    )
    source = HabitWindows(population, seed) if windows is None else windows
    demand = Demand(
        rules,
        terms,
        stop,
        int(first_download[0]),
        payload_bytes,
        flop_per_token,
        first_upload(schedule),
    )
    check_feasible(demand, population, typing, source, seed)
    phones_n = population.phones
    invariants = _invariants(rules, terms, phones_n)

    def watched(block: Sessions) -> None:
        invariants.see(block)
        log(block)

    hours = int(np.ceil(days * DAY_S / HOUR_S))
    calendar = Calendar(source, phones_n)
    eligibility = Eligibility(hours, population.utc_offset_s)
    accounts = Accounts(watched, phones_n, hours)
    spending = Allowance(terms.allowance, phones_n, population.utc_offset_s)
    admitted = Admission(terms.admission, phones_n, spending, judges=terms.evaluation is not None)
    pacing = Pacing(terms.pace, wanted=rules.selected, eligible=eligibility.at, seed=seed)
    redraw = pacing.again_s if pacing.outlasts_windows else None
    phones = Phones(phones_n, calendar, seed, terms.pace.retry_s[1], terms.again_s, redraw)
    work = Work(schedule, typing, population.phone_class)
    chooser = Chooser(terms.choice, phones_n, seed)
    env = simpy.Environment()
    conditions = Conditions(population, seed, terms.corruption)
    shared = terms.capacity.shared
    sync = None
    if terms.sync is not None:
        sync = ContinuousSync(
            terms.sync,
            phones=phones,
            conditions=conditions,
            calendar=calendar,
            learner=learner,
            allowance=spending,
            log=log_installed,
        )
    desk = SessionDesk(
        population,
        phones,
        work,
        learner,
        flop_per_token=flop_per_token,
        timeout_s=terms.session_timeout_s,
        rebases=schedule.rebases,
        answer_bytes=codec.answer_bytes if isinstance(codec, Answered) else 0,
        keeps_versions=keeps_versions,
    )
    next_window = calendar.next_available if terms.pauses else None
    payloads = Payloads(
        codec=codec,
        parameters=parameters,
        sizes=sizes,
        trigger=schedule if isinstance(schedule, Triggered) else None,
        learner=learner,
        desk=desk,
        phones=phones,
        conditions=conditions,
        next_window=next_window,
    )
    flights = FlightDesk(
        env=env,
        phones=phones,
        desk=desk,
        conditions=conditions,
        live=LiveSessions(env, conditions, terms.capacity) if shared else None,
        next_window=next_window,
        payloads=payloads,
        accounts=accounts,
        admission=admitted,
        allowance=spending,
        keeps=schedule.keeps_unsent,
        weights=weights,
        configured=lambda phone, at_s: invariants.selected(
            phone, at_s, *calendar.next_available(phone, at_s)
        ),
        landed=sync.landed if sync else lambda _phone: None,
    )
    check_ins = CheckIns(
        phones=phones,
        desk=flights,
        work=work,
        schedule=schedule,
        accounts=accounts,
        admission=admitted,
        pacing=pacing,
    )
    server = Server(
        env=env,
        phones=phones,
        calendar=calendar,
        eligibility=eligibility,
        check_ins=check_ins,
        flights=flights,
        work=work,
        learner=learner,
        accounts=accounts,
        stop=stop,
        sync=sync,
        live=shared,
        lookahead=lookahead,
        stretch_s=stretch_s,
        progress=progress,
        learned=chooser.learned,
    )
    judging = None
    if terms.evaluation is not None:
        judging = FederatedEvaluation(server, flights, terms.evaluation)
        server.attend(judging.tend)
    streams = bool(budgets)
    server.run(_protocol(rules, server, flights, phones, chooser, seed=seed, streams=streams))
    invariants.verify(
        sessions=accounts.sessions,
        versions=server.version,
        participations=admitted.used.astype(np.int64),
        payloads=admitted.payloads.astype(np.int64),
        download_bytes=accounts.download_bytes,
        upload_bytes=accounts.upload_bytes,
    )
    return _end(server, accounts, admitted, eligibility, judging, sync)


def _end(
    server: Server,
    accounts: Accounts,
    admission: Admission,
    eligibility: Eligibility,
    judging: FederatedEvaluation | None,
    sync: ContinuousSync | None,
) -> FleetEnd:
    """What the run came to; what installs took of the phones is added to their accounts."""
    if sync is not None:
        accounts.download_bytes += sync.download_bytes
        accounts.energy_j += sync.energy_j
    return FleetEnd(
        stop_reason=server.stop_reason or "days",
        ended_s=server.ended_s,
        versions=server.version,
        rounds=server.rounds,
        abandoned=server.abandoned,
        evaluations=judging.rounds if judging else 0,
        checkins=accounts.checkins,
        rejected=accounts.rejected,
        turned_away=admission.turned_away,
        cycles_abandoned=accounts.cycles_abandoned,
        sessions=accounts.sessions,
        participations=admission.used.astype(np.int64),
        payloads=admission.payloads.astype(np.int64),
        download_bytes=accounts.download_bytes,
        install_bytes=int(sync.download_bytes.sum()) if sync else 0,
        installs=sync.installs if sync else 0,
        upload_bytes=accounts.upload_bytes,
        energy_j=accounts.energy_j,
        first_eligible_s=eligibility.first_s(server.ended_s),
        eligible_by_hour=eligibility.by_hour(),
        eligible_by_local_hour=eligibility.by_local_hour(server.ended_s),
        participants_by_hour=accounts.participants,
    )
