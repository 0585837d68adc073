"""What passes between an experiment's phones and its server: when, and how it becomes bytes."""

from gboard_sim import seeds
from gboard_sim.claims.distributed import beside_bytes
from gboard_sim.communication import codecs, downlink, schedules
from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import ClassWork, LocalPlan
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.fleet.mix import Mix
from gboard_sim.privacy.mechanisms.adaptive_clip import BIT_BYTES
from gboard_sim.seam.protocols import Codec, Schedule


def schedule_of(experiment: Experiment, mix: Mix) -> Schedule:
    """When phones upload and how much they train."""
    classes = tuple(kind.name for kind in mix.classes)
    training = experiment.training
    try:
        plan = LocalPlan(
            classes=classes,
            batch_size=training.batch_size,
            learning_rate=LearningRate.of(training.learning_rate, training.decay),
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


def codec_of(experiment: Experiment) -> Codec:
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
        return codecs.Beside(made, *beside_bytes(experiment))
    if experiment.privacy.adaptive_clip is not None:
        return codecs.Beside(made, BIT_BYTES)
    return made


def downlink_of(experiment: Experiment) -> Codec | None:
    """How a version becomes bytes."""
    asked = experiment.downlink
    seed = int(seeds.bits(experiment.run.seed, "downlink"))
    try:
        made = codecs.build(asked.name, seed, asked.options)
        downlink.refuse_unstable(made)
    except ValueError as error:
        raise ExperimentError(f"[downlink] {error}") from error
    return None if asked.name == downlink.WHOLE else made


def refuse_unsized(experiment: Experiment, codec: Codec) -> None:
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
