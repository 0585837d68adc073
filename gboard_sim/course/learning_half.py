"""The learning half of one run, put together: its workers' tools, and its learner."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from gboard_sim.fleet.recorded_learner import RecordedLearner
from gboard_sim.learning.central import CentralClosing, CentralPlan
from gboard_sim.learning.closing import CHUNK, Averaging, Closing
from gboard_sim.learning.evaluation.held_out import NEVER, HeldOutText, phone_groups
from gboard_sim.learning.hidden_payloads import HiddenPayloads
from gboard_sim.learning.judgements import Judgements
from gboard_sim.learning.learner import FederatedLearner
from gboard_sim.learning.learner_state import LearnerState
from gboard_sim.learning.local_only import LocalOnlyLearner
from gboard_sim.learning.measured import MOST_BYTES, MeasuredUpdates
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.moving_average import MovingAverage
from gboard_sim.learning.pool import Pool
from gboard_sim.learning.pretraining import pretrained
from gboard_sim.learning.residuals import Kept, Residuals
from gboard_sim.learning.server_optimizers import ServerOptimizer
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.stopping import StopRules, StopState
from gboard_sim.learning.text.batches import stint_tokens
from gboard_sim.learning.text.prepared import PreparedText
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog.answers import read_measures, read_outcomes
from gboard_sim.runlog.checkpoint import Checkpoint
from gboard_sim.runlog.directory import RunDirectory, writing
from gboard_sim.runlog.journal import Journal
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.seam.protocols import Adaptive, Learner, Triggered
from gboard_sim.seam.records import Cohort
from gboard_sim.units import FLOAT32_BYTES
from gboard_sim.world.downloads import model_bytes, published_chain
from gboard_sim.world.world import World

RESIDUALS_KEPT = 1000
"""Of all phones, without `codec.residuals_kept` (assumed: 2.8 GB of scratch for the model of 1.4
million parameters)."""


def replayed(
    learner: FederatedLearner | LocalOnlyLearner, journal: Journal, checkpoint: Checkpoint | None
) -> Learner:
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
    """What every worker needs; private text goes to a scratch folder, never to the directory.

    Ray's workers have it in memory.
    """
    training = made.experiment.training
    in_memory = made.experiment.run.engine == "ray"
    if not in_memory:
        with writing(scratch):
            text.store.save(scratch / "text")
    return Workshop(
        spec=made.spec,
        vocabulary=text.vocabulary,
        word_ids=text.word_ids,
        graphs=find_graphs(made.spec, directory / "graphs", made.parts),
        trainer_name=training.trainer,
        text=text.store if in_memory else scratch / "text",
        snapshots=_snapshots(directory),
        codec=made.codec,
        mechanism=made.mechanism,
        seed=made.experiment.run.seed,
        device="cuda" if training.device == "cuda" else "cpu",
        precision=training.precision,
        dropout_rate=training.dropout,
        phones_together=training.phones_together or 1,
        # Phones that train side by side may not come to the same bits as one alone.
        measured=None
        if in_memory or (training.phones_together or 1) > 1
        else MeasuredUpdates(scratch / "measured"),
        parts=made.parts,
    )


def open_learner(
    made: World,
    text: PreparedText,
    directory: RunDirectory,
    workshop: Workshop,
    pool: Pool,
    journal: Journal,
    checkpoint: Checkpoint | None,
    tell: Callable[[str], None],
    enter: Callable[[PrivacyEvent], None],
) -> FederatedLearner | LocalOnlyLearner:
    """The learner of the arm that the experiment names, from version 0 or from a checkpoint.

    Args:
        made: What the experiment names.
        text: The text.
        directory: The run directory.
        workshop: What every worker has.
        pool: Where jobs run.
        journal: Where what crosses the seam is appended.
        checkpoint: Where to go on from.
        tell: Told what is being done before the fleet starts.
        enter: Told of privacy events before their versions are published.
    """
    settings = made.experiment
    snapshots = _snapshots(directory)
    optimizer = made.optimizer if settings.run.arm == "federated" else made.central
    optimizer = workshop.wire.through(optimizer)
    if checkpoint is None:
        first = initial_parameters(made.spec, workshop.tokens, settings.run.seed)
        if (plan := settings.training.pretraining) is not None:
            for nth, parameters in pretrained(pool, plan, text.store.public, first):
                tell(f"pre-training: pass {nth} of {plan.epochs}")
                first = parameters
        snapshots.write(0, first)
        noise = {} if made.at_server is None else made.at_server.start()
        state = LearnerState(0, 0, optimizer.init(first), mechanism=noise)
    else:
        state = LearnerState.of(checkpoint.learner, checkpoint.arrays)
    size, chain = model_bytes(made, workshop.tokens), published_chain(made, workshop.tokens)
    if settings.run.arm == "local-only":
        return LocalOnlyLearner(text.typing, size, text.store, settings.run.seed, pool, chain)
    residuals = _residuals(made, directory, state.residuals)

    def save(state: LearnerState) -> None:
        Checkpoint(state.facts(), state.arrays(), journal.flush()).save(directory)
        snapshots.forget_before(state.oldest_version - 1)  # of which the step after has signs
        if residuals is not None:
            residuals.saved(state.residuals)

    return FederatedLearner(
        typing=text.typing,
        model_bytes=size,
        codec_is_measured=made.codec.size == "measured",
        pool=pool,
        snapshots=snapshots,
        close=_closing(made, text, snapshots, optimizer, residuals, workshop.wire.parameters),
        mechanism=made.mechanism,
        judgements=_judgements(made, text, snapshots, journal, state.stopping),
        journal=journal,
        checkpoint_every=settings.run.checkpoint_every,
        checkpoint=save,
        state=state,
        tells_utility=settings.protocol.selector == "utility",
        adaptive=made.schedule if isinstance(made.schedule, Adaptive) else None,
        triggered=made.schedule if isinstance(made.schedule, Triggered) else None,
        measured=None
        if workshop.measured is None
        else (workshop.measured, MOST_BYTES // (FLOAT32_BYTES * len(snapshots.read(0)))),
        residuals=residuals,
        enter=enter,
        downlink=chain,
    )


def _judgements(
    made: World, text: PreparedText, snapshots: Snapshots, journal: Journal, stopping: StopState
) -> Judgements:
    """What versions are judged on while the run lasts."""
    settings = made.experiment
    rules = StopRules(settings.run.target_recall_at_3, settings.run.patience, settings.run.min_gain)
    return Judgements(
        validation=text.evaluation_set("validation", settings.evaluation.validation_messages),
        every=settings.evaluation.every,
        average=MovingAverage(snapshots, settings.server.ema_decay),
        journal=journal,
        stop_rules=rules,
        stopping=stopping,
        held_out=_held_out(made, text, journal),
    )


def _residuals(made: World, directory: RunDirectory, state: Kept | None) -> Residuals | None:
    """What phones keep for error feedback; None without it, or where no update is sent."""
    codec = made.experiment.codec
    if not codec.error_feedback or made.experiment.run.arm != "federated":
        return None
    folder = directory / "checkpoints" / "residuals"
    most = codec.residuals_kept or RESIDUALS_KEPT
    return Residuals(folder, most, codec.after_rejection or "keep", state)


def _held_out(made: World, text: PreparedText, journal: Journal) -> HeldOutText | None:
    """What phones judge versions on, and whose updates were used so far; None where they do not."""
    if made.experiment.federated_evaluation is None:
        return None
    first, typing = text.store.fleet.first, text.typing
    typed = typing.tokens_of(first[:-1], first[1:])
    typed += typing.held_out_tokens(np.arange(typing.phones))
    classes = tuple(kind.name for kind in made.population.mix.classes)
    first_used = np.full(typing.phones, NEVER)
    cohorts = journal.table("cohorts").select(["task", "phone", "makes_version"])
    trained = cohorts.filter(pc.equal(cohorts["task"], "train"))
    phones, versions = (trained[name].to_numpy() for name in ("phone", "makes_version"))
    np.minimum.at(first_used, phones, versions)
    groups = phone_groups(made.population.phone_class, classes, typed)
    return HeldOutText(text.store.later, groups, first_used)


def _closing(
    made: World,
    text: PreparedText,
    snapshots: Snapshots,
    optimizer: ServerOptimizer,
    residuals: Residuals | None,
    travelling: int,
) -> Callable[[Cohort], Closing]:
    """How the arm makes a version of a cohort."""
    arm, settings = made.experiment.run.arm, made.experiment.central
    if arm == "federated":
        chunks = max(1, (made.experiment.training.phones_together or 1) // CHUNK)
        masking = made.masking

        def hidden(cohort: Cohort) -> HiddenPayloads | None:
            if masking is None:
                return None
            return HiddenPayloads(cohort, masking, made.codec, travelling)

        return lambda cohort: Averaging(
            cohort,
            optimizer,
            made.server_rate(cohort.makes_version),
            chunks,
            residuals,
            made.at_server,
            travelling,
            hidden(cohort),
        )
    plan = CentralPlan(
        rows="fleet",
        share=float(arm.partition(":")[2] or 1),
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        options=settings.options,
    )
    fleet, seed = text.store.fleet.token_store(), made.experiment.run.seed

    def close(cohort: Cohort) -> Closing:
        stints = (stint for upload in cohort.uploads for stint in upload.stints)
        budget = sum(stint_tokens(fleet, stint, seed) for stint in stints)
        rate = made.central_rate(cohort.makes_version)
        return CentralClosing(cohort, plan, budget, rate, snapshots)

    return close


def _snapshots(directory: RunDirectory) -> Snapshots:
    """The versions published so far, while the run lasts."""
    return Snapshots(directory / "checkpoints" / "versions")
