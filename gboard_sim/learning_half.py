"""The learning half of one run, put together: its workers' tools, and its learner."""

from pathlib import Path

from gboard_sim.checkpoint import Checkpoint
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.fleet.recorded_learner import RecordedLearner
from gboard_sim.journal import Journal, read_measures, read_outcomes
from gboard_sim.learning.evaluation.evaluation import Scoring
from gboard_sim.learning.learner import FederatedLearner
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import parameter_count
from gboard_sim.learning.pool import Pool
from gboard_sim.learning.pretraining import pretrained
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.stopping import StopRules
from gboard_sim.learning.text.prepared import PreparedText
from gboard_sim.learning.workshop import Workshop
from gboard_sim.protocols import Learner
from gboard_sim.records import LocalWork
from gboard_sim.runlog import RunDirectory, writing
from gboard_sim.world import World


def replayed(learner: FederatedLearner, journal: Journal, checkpoint: Checkpoint | None) -> Learner:
    """The learner as the fleet meets it: behind the recorded answers where a run is resumed."""
    if checkpoint is None:
        return learner
    answers = journal.table("answers")
    return RecordedLearner(
        read_outcomes(answers), read_measures(answers), until=learner.state.version, then=learner
    )


def open_workshop(
    made: World, text: PreparedText, directory: RunDirectory, scratch: Path
) -> Workshop:
    """What every worker needs; private text goes to a scratch folder, never to the directory."""
    with writing(scratch):
        text.store.save(scratch / "text")
    return Workshop(
        spec=made.spec,
        vocabulary=text.vocabulary,
        word_ids=text.word_ids,
        graphs=find_graphs(made.spec, directory / "graphs"),
        trainer_name=made.experiment.training.trainer,
        text=scratch / "text",
        snapshots=Snapshots(directory / "checkpoints" / "versions"),
        codec=made.codec,
        mechanism=made.mechanism,
        seed=made.experiment.run.seed,
    )


def open_learner(
    made: World,
    text: PreparedText,
    directory: RunDirectory,
    workshop: Workshop,
    pool: Pool,
    journal: Journal,
    checkpoint: Checkpoint | None,
) -> FederatedLearner:
    """The learner, from version 0 or from a checkpoint."""
    settings = made.experiment
    snapshots = workshop.snapshots
    if checkpoint is None:
        first = initial_parameters(made.spec, workshop.tokens, settings.run.seed)
        snapshots.write(0, first)
        if settings.training.pretraining is not None:
            plan = settings.training.pretraining
            local = LocalWork(plan.epochs, None, plan.batch_size, plan.learning_rate)
            snapshots.write(0, pretrained(pool, local))
        state = LearnerState(0, 0, made.optimizer.init(snapshots.read(0)))
    else:
        state = LearnerState.of(checkpoint.learner, dict(checkpoint.arrays))
    validation = text.evaluation_set("validation", settings.evaluation.validation_messages)

    def save(state: LearnerState) -> None:
        Checkpoint(state.facts(), state.optimizer, journal.flush()).save(directory)
        snapshots.forget_before(state.oldest_version)

    return FederatedLearner(
        typing=text.typing,
        model_bytes=model_bytes(made, workshop.tokens),
        codec_is_measured=made.codec.size == "measured",
        pool=pool,
        snapshots=snapshots,
        optimizer=made.optimizer,
        server_rate=made.server_rate,
        mechanism=made.mechanism,
        validation=lambda version: Scoring(validation, version),
        evaluate_every=settings.evaluation.every,
        stop_rules=StopRules(
            settings.run.target_recall_at_3, settings.run.patience, settings.run.min_gain
        ),
        journal=journal,
        checkpoint_every=settings.run.checkpoint_every,
        checkpoint=save,
        state=state,
    )


def model_bytes(made: World, tokens: int) -> int:
    """Bytes of a model on the way down: every parameter in float32, framed as the codec fp32 is."""
    return Fp32().payload_bytes(parameter_count(made.spec, tokens))
