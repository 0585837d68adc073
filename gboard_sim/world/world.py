"""An experiment made concrete: its phones, its model, and what passes between them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from gboard_sim import catalogue
from gboard_sim.claims.claims import at_server, claim_of, on_phones
from gboard_sim.claims.distributed import masking_of
from gboard_sim.communication import codecs, compatibility, schedules
from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.fleet.buffer_rules import BufferRules
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.population import Population, populate
from gboard_sim.fleet.rules import RoundRules
from gboard_sim.fleet.terms import Terms
from gboard_sim.fleet.windows import WindowSource
from gboard_sim.learning import server_optimizers
from gboard_sim.learning.model.spec import ModelSpec
from gboard_sim.learning.model.trained_parts import TrainedParts
from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.server_optimizers import ServerOptimizer
from gboard_sim.model_spec import parameters_of, parts_of, spec_of
from gboard_sim.privacy.claim import Claim
from gboard_sim.privacy.mechanisms import MECHANISMS
from gboard_sim.seam.privacy_protocols import Masking, Mechanism, ServerMechanism
from gboard_sim.seam.protocols import Codec, Schedule, Sized
from gboard_sim.world.channel import codec_of, downlink_of, refuse_unsized, schedule_of
from gboard_sim.world.fleet_rules import rules_of, terms_of, windows_of


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
        masking: What hides payloads from the server; None where nothing does, or a price stands
            for it.
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
    masking: Masking | None

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
        server_optimizers.build("training.pretraining", pretraining.optimizer, pretraining.options)
    compatibility.check(
        experiment.schedule.name,
        experiment.codec.name,
        experiment.privacy.mechanism,
        weights=experiment.server.weights,
        error_feedback=experiment.codec.error_feedback,
        word_rows=experiment.training.word_rows,
    )
    codec = codec_of(experiment)
    downlink_of(experiment)
    mix = load_fleet(experiment.fleet.mix, catalogue.read)
    if isinstance(schedule_of(experiment, mix), Sized):
        refuse_unsized(experiment, codec)


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
        windows=windows_of(experiment.fleet, population, experiment.run.seed),
        rules=rules_of(experiment.protocol, phones),
        terms=terms_of(experiment),
        spec=spec_of(experiment),
        parts=parts_of(experiment),
        parameters=parameters,
        schedule=schedule_of(experiment, mix),
        codec=codec_of(experiment),
        downlink=downlink_of(experiment),
        optimizer=server_optimizers.build("server", server.optimizer, server.options),
        server_rate=LearningRate.of(server.learning_rate, server.decay).at,
        central=server_optimizers.build("central", central.optimizer, central.options),
        central_rate=LearningRate.of(central.learning_rate, central.decay).at,
        claim=claim,
        mechanism=on_phones(experiment, claim, parameters),
        at_server=at_server(experiment, claim, parameters),
        masking=masking_of(experiment),
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


def _known(key: str, name: str, names: Any) -> None:
    """Refuses a name that its catalogue does not have."""
    if name not in names:
        raise ExperimentError(f"{key} = {name!r} is not allowed: must be one of {', '.join(names)}")
