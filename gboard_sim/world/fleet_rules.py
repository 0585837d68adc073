"""The rules of an experiment's fleet: how rounds go, who takes part, when phones are eligible."""

import math
from typing import get_args

from gboard_sim.experiment.experiment import Experiment
from gboard_sim.experiment.fleet import Fleet, Protocol, Weekday
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.allowance import AllowanceRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.choice import ChoiceRules
from gboard_sim.fleet.continuous_sync import SyncRules
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.habits import HabitWindows
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.population import Population
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.terms import Terms
from gboard_sim.fleet.trace import TraceWindows, read_trace
from gboard_sim.fleet.windows import WindowSource
from gboard_sim.units import HOUR_S


def rules_of(protocol: Protocol, phones: int) -> RoundRules | BufferRules:
    """What the server wants of a round, or of its buffer."""
    if protocol.kind == "poisson":
        return RoundRules(
            goal=protocol.goal,
            over_selection=1.0,
            deadline_s=protocol.deadline_s,
            selection_timeout_s=protocol.selection_timeout_s,
            interval_s=protocol.interval_s,
            sampled=protocol.goal / phones,
        )
    if protocol.kind == "buffered":
        assert protocol.concurrency is not None
        return BufferRules(
            goal=protocol.goal,
            concurrency=protocol.concurrency,
            staleness_exponent=protocol.staleness_exponent,
            max_staleness=protocol.max_staleness,
        )
    return RoundRules(
        goal=protocol.goal,
        over_selection=protocol.over_selection,
        deadline_s=protocol.deadline_s,
        minimum=protocol.fewest,
        selection_timeout_s=protocol.selection_timeout_s,
        interval_s=protocol.interval_s,
    )


def terms_of(experiment: Experiment) -> Terms:
    """On which phones take part."""
    protocol, judged = experiment.protocol, experiment.federated_evaluation
    return Terms(
        admission=AdmissionRules(
            separation_versions=protocol.separation_versions,
            separation_h=protocol.separation_h,
            max_participations=protocol.max_participations,
            max_uploads=experiment.privacy.max_uploads,
            min_examples=protocol.min_examples,
        ),
        allowance=AllowanceRules(**experiment.allowance.model_dump()),
        pace=PaceRules(protocol.pace, protocol.retry_s, protocol.round_s, protocol.meeting_s),
        choice=ChoiceRules(protocol.selector, protocol.pool, protocol.preferred_s),
        evaluation=None if judged is None else EvaluationRules(**judged.model_dump()),
        sync=None if experiment.sync is None else SyncRules(**experiment.sync.model_dump()),
        again_s=protocol.again_h * HOUR_S,
        session_timeout_s=protocol.session_timeout_s or math.inf,
        capacity=Capacity(**experiment.network.model_dump(exclude={"corruption"})),
        corruption=experiment.network.corruption,
        pauses=protocol.interruption == "pause",
    )


def windows_of(fleet: Fleet, population: Population, seed: int) -> WindowSource:
    """When the phones are eligible: by their habits, or by a trace."""
    if fleet.trace is None:
        weekday = get_args(Weekday).index(fleet.first_weekday)
        return HabitWindows(population, seed, first_weekday=weekday)
    return TraceWindows(
        read_trace(fleet.trace),
        population.phones,
        needs=fleet.trace_needs,
        wrap=fleet.trace_end == "wrap",
        days=fleet.trace_days,
    )
