"""An experiment made concrete: its phones, its model, and what passes between them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from inspect import signature
from typing import Any, get_args

from gboard_sim import catalogue, seeds
from gboard_sim.claims import at_server, claim_of, on_phones
from gboard_sim.communication import codecs, compatibility, downlink, schedules
from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import ClassWork, LocalPlan
from gboard_sim.distributed_claims import beside_bytes
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import Experiment
from gboard_sim.experiment_fleet import Fleet, Protocol, Weekday
from gboard_sim.experiment_training import LearningRateDecay
from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.allowance import AllowanceRules
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.choice import ChoiceRules
from gboard_sim.fleet.continuous_sync import SyncRules
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.habits import HabitWindows
from gboard_sim.fleet.mix import Mix, load_fleet
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.fleet.population import Population, populate
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.terms import Terms
from gboard_sim.fleet.trace import TraceWindows, read_trace
from gboard_sim.fleet.windows import WindowSource
from gboard_sim.learning.model.spec import ModelSpec
from gboard_sim.learning.model.trained_parts import TrainedParts
from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.server_optimizers import OPTIMIZERS, ServerOptimizer
from gboard_sim.model_spec import parameters_of, parts_of, spec_of
from gboard_sim.privacy.claim import Claim
from gboard_sim.privacy.mechanisms import MECHANISMS
from gboard_sim.privacy.mechanisms.adaptive_clip import BIT_BYTES
from gboard_sim.protocols import Codec, Mechanism, Schedule, ServerMechanism, Sized


@dataclass(frozen=True, slots=True)
class World:
    """What both halves are built from.

    Attributes:
        experiment: What was asked.
        population: The phones.
        windows: When they are eligible.
        rules: How rounds go, or how an asynchronous server buffers.
        terms: On which phones take part.
        spec: The model's sizes.
        parts: What phones train of it.
        parameters: Numbers in an update.
        schedule: When phones upload and how much they train.
        codec: How an update becomes bytes.
        downlink: How a version becomes bytes; None where phones download whole models.
        optimizer: The server's.
        server_rate: The server's learning rate for the step that makes a version.
        central: The optimiser of the arm `central`.
        central_rate: Its learning rate for the version that is made.
        claim: What is promised about privacy, None where nothing is.
        mechanism: What makes an update private on the phone.
        at_server: What makes sums private at the server; None where it is not trusted.
    """

    experiment: Experiment
    population: Population
    windows: WindowSource
    rules: RoundRules | BufferRules
    terms: Terms
    spec: ModelSpec
    parts: TrainedParts
    parameters: int
    schedule: Schedule
    codec: Codec
    downlink: Codec | None
    optimizer: ServerOptimizer
    server_rate: Callable[[int], float]
    central: ServerOptimizer
    central_rate: Callable[[int], float]
    claim: Claim | None
    mechanism: Mechanism
    at_server: ServerMechanism | None

    def wire(self, tokens: int) -> Wire:
        """What of an update travels, where the model has that many token ids."""
        return Wire(self.spec, tokens, self.parts)

    def flop_per_token(self, tokens: int) -> float:
        """Floating-point operations to train on one token of that many ids."""
        return self.parts.flop_per_token(self.spec, tokens)


def check(experiment: Experiment) -> None:
    """Refuses what cannot be run, as far as that can be told without phones or text.

    Raises:
        ExperimentError: A name or a value that only the catalogues can judge is wrong.
        CatalogueError: An entry is missing or malformed.
        IncompatibleError: Schedule, codec, mechanism and weights do not compose.
    """
    _known("schedule.name", experiment.schedule.name, schedules.SCHEDULES)
    _known("codec.name", experiment.codec.name, codecs.CODECS)
    _known("downlink.name", experiment.downlink.name, codecs.CODECS)
    _known("privacy.mechanism", experiment.privacy.mechanism, MECHANISMS)
    if (pretraining := experiment.training.pretraining) is not None:
        _optimizer("training.pretraining", pretraining.optimizer, pretraining.options)
    compatibility.check(
        experiment.schedule.name,
        experiment.codec.name,
        experiment.privacy.mechanism,
        weights=experiment.server.weights,
        error_feedback=experiment.codec.error_feedback,
        word_rows=experiment.training.word_rows,
    )
    codec = _codec(experiment)
    _downlink(experiment)
    mix = load_fleet(experiment.fleet.mix, catalogue.read)
    if isinstance(_schedule(experiment, mix), Sized):
        _refuse_unsized(experiment, codec)


def build(experiment: Experiment) -> World:
    """The world of an experiment.

    Raises:
        ExperimentError: As `check`, or there is no such fleet or claim.
        CatalogueError: An entry is missing or malformed.
        TraceError: The trace of phones cannot be replayed.
        IncompatibleError: As `check`.
    """
    check(experiment)
    server, central = experiment.server, experiment.central
    mix = load_fleet(experiment.fleet.mix, catalogue.read)
    phones = experiment.fleet.phones
    if phones == "all":
        raise ExperimentError(
            'fleet.phones = "all" is not allowed without a corpus, whose users it would count; '
            "hint: give a number"
        )
    parameters = parameters_of(experiment)
    claim = claim_of(experiment, parameters)
    population = populate(mix, phones, experiment.run.seed)
    return World(
        experiment=experiment,
        population=population,
        windows=_windows(experiment.fleet, population, experiment.run.seed),
        rules=_rules(experiment.protocol, phones),
        terms=_terms(experiment),
        spec=spec_of(experiment),
        parts=parts_of(experiment),
        parameters=parameters,
        schedule=_schedule(experiment, mix),
        codec=_codec(experiment),
        downlink=_downlink(experiment),
        optimizer=_optimizer("server", server.optimizer, server.options),
        server_rate=_rate(server.learning_rate, server.decay).at,
        central=_optimizer("central", central.optimizer, central.options),
        central_rate=_rate(central.learning_rate, central.decay).at,
        claim=claim,
        mechanism=on_phones(experiment, claim, parameters),
        at_server=at_server(experiment, claim, parameters),
    )


def sized(made: World, tokens: int) -> World:
    """The same world once the text has shown how many token ids the model has.

    Until then the vocabulary that was asked for stands for it.
    """
    experiment = made.experiment
    parameters = parameters_of(experiment, tokens)
    claim = claim_of(experiment, parameters)
    return replace(
        made,
        parameters=parameters,
        claim=claim,
        mechanism=on_phones(experiment, claim, parameters),
        at_server=at_server(experiment, claim, parameters),
    )


def _rules(protocol: Protocol, phones: int) -> RoundRules | BufferRules:
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


def _terms(experiment: Experiment) -> Terms:
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
        session_timeout_s=protocol.session_timeout_s or math.inf,
        capacity=Capacity(**experiment.network.model_dump(exclude={"corruption"})),
        corruption=experiment.network.corruption,
        pauses=protocol.interruption == "pause",
    )


def _windows(fleet: Fleet, population: Population, seed: int) -> WindowSource:
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


def _known(key: str, name: str, names: Any) -> None:
    """Refuses a name that its catalogue does not have."""
    if name not in names:
        raise ExperimentError(f"{key} = {name!r} is not allowed: must be one of {', '.join(names)}")


def _schedule(experiment: Experiment, mix: Mix) -> Schedule:
    """When phones upload and how much they train."""
    classes = tuple(kind.name for kind in mix.classes)
    training = experiment.training
    try:
        plan = LocalPlan(
            classes=classes,
            batch_size=training.batch_size,
            learning_rate=_rate(training.learning_rate, training.decay),
            epochs=training.epochs,
            steps=training.steps,
            cap=training.cap,
            overrides={
                name: ClassWork(**work.model_dump()) for name, work in training.classes.items()
            },
        )
    except ValueError as error:
        raise ExperimentError(f"[training] {error}") from error
    options = experiment.schedule.model_dump(exclude={"name"}, exclude_none=True)
    try:
        return schedules.build(experiment.schedule.name, plan, options)
    except ValueError as error:
        raise ExperimentError(f"[schedule] {error}") from error


def _refuse_unsized(experiment: Experiment, codec: Codec) -> None:
    """Refuses uploads of unknown size with a schedule that goes by their size."""
    name = experiment.schedule.name
    if codec.size == "measured":
        raise ExperimentError(
            f"schedule.name = {name!r} needs the size of an upload beforehand, which codec "
            f"{codec.name!r} does not have; set codec to one of fixed size"
        )
    if experiment.training.word_rows == "typed":
        raise ExperimentError(
            f"schedule.name = {name!r} needs the size of an upload beforehand, which "
            "training.word_rows = 'typed' leaves to each phone's text; set it to all or frozen"
        )


def _codec(experiment: Experiment) -> Codec:
    """How an update becomes bytes."""
    asked = experiment.codec
    try:
        made = codecs.build(asked.name, experiment.run.seed, asked.options, lossless=asked.lossless)
    except ValueError as error:
        raise ExperimentError(f"[codec] {error}") from error
    if asked.error_feedback and not codecs.is_biased(made):
        raise ExperimentError(
            f"codec.error_feedback = true is not allowed with codec.name = {asked.name!r}: its "
            "errors average out over phones; allowed: one_bit, top_k, and drive with "
            "codec.scale = 'least_error'"
        )
    if isinstance(made, codecs.Modular):
        up, down = beside_bytes(experiment)
        return replace(made, beside_bytes=up, answer_bytes=down)
    if experiment.privacy.adaptive_clip is not None:
        return codecs.Beside(made, BIT_BYTES)
    return made


def _downlink(experiment: Experiment) -> Codec | None:
    """How a version becomes bytes."""
    asked = experiment.downlink
    seed = int(seeds.bits(experiment.run.seed, "downlink"))
    try:
        made = codecs.build(asked.name, seed, asked.options)
        downlink.refuse_unstable(made)
    except ValueError as error:
        raise ExperimentError(f"[downlink] {error}") from error
    return None if asked.name == downlink.WHOLE else made


def _optimizer(table: str, name: str, options: Mapping[str, float]) -> ServerOptimizer:
    """An optimiser with its own options, as a table of the experiment names them."""
    _known(f"{table}.optimizer", name, OPTIMIZERS)
    allowed = signature(OPTIMIZERS[name]).parameters
    for option, value in options.items():
        if option not in allowed:
            raise ExperimentError(
                f"{table}.options.{option} = {value} is not allowed: {name!r} has the options "
                f"{', '.join(allowed) or 'none'}"
            )
    try:
        return OPTIMIZERS[name](**options)
    except ValueError as error:
        raise ExperimentError(f"{table}.options: {error}") from error


def _rate(first: float, decay: LearningRateDecay) -> LearningRate:
    return LearningRate(first, decay.kind, decay.factor, decay.every, decay.warm_up)
