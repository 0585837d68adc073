"""Re-learning: another experiment on the recorded fleet of a run, which it leaves as it was."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow.compute as pc

from gboard_sim.claims.claims import claim_of
from gboard_sim.errors import ExperimentError, RunDirectoryError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.runlog import provenance
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.journal import Journal
from gboard_sim.runlog.recorded_fleet import RecordedFleet
from gboard_sim.seam.protocols import Learner, Triggered
from gboard_sim.world.world import World

FREE = (
    "name",
    "description",
    "run.workers",
    "run.engine",
    "run.ray_address",
    "run.lookahead",
    "run.checkpoint_every",
    "training.trainer",
    "training.device",
    "training.precision",
    "training.phones_together",
    "training.learning_rate",
    "training.decay",
    "training.pretraining",
    "server.optimizer",
    "server.learning_rate",
    "server.decay",
    "server.options",
    "server.ema_decay",
    "codec",
    "privacy.clip",
    "privacy.epsilon",
    "privacy.noise_multiplier",
    "privacy.delta",
    "privacy.seed",
    "privacy.secure_aggregation",
    "evaluation.baselines",
    "evaluation.validation_messages",
    "evaluation.test_messages",
)
"""Keys and tables that may differ: what is learned follows from them, and not when phones act."""


def open_recorded(recorded: RunDirectory, experiment: Experiment) -> Experiment:
    """The experiment as it is run against a recorded fleet: with as many phones.

    Args:
        recorded: The recorded run's directory.
        experiment: What is to be learned.

    Raises:
        GboardSimError: The run cannot be re-learned, or a key that differs touches the fleet.
    """
    began = recorded.read_json("provenance.json")
    if began.get("kind") != "run":
        raise RunDirectoryError(f"{recorded.path}: a run of the fleet alone, which has no text")
    then = experiment_file.load(recorded / "experiment.toml")
    for arm in (then.run.arm, experiment.run.arm):
        if arm != "federated":
            raise ExperimentError(
                f"run.arm = {arm!r} is not allowed with a recorded fleet: must be federated"
            )
    if experiment.fleet.phones == "all" and then.fleet.phones != "all":
        experiment = experiment.with_phones(then.fleet.phones)
    for key, had, asked in _differences(_leaves(then), _leaves(experiment)):
        raise ExperimentError(
            f"{key} = {asked!r} is not allowed with the fleet of {recorded.path}, which had "
            f"{had!r}: phones would do something else, or count for something else; allowed "
            "to differ: learning rates and their decay, pre-training, server.optimizer, its "
            "options and server.ema_decay, a [codec] of the same size, privacy.clip and "
            "privacy.epsilon"
        )
    if experiment.training.word_rows == "typed" and experiment.codec != then.codec:
        raise ExperimentError(
            f"codec.name = {experiment.codec.name!r} with other options than the fleet of "
            f"{recorded.path} is not allowed where training.word_rows = 'typed': the size of a "
            "payload follows from each phone's text"
        )
    source = experiment.text.source
    if began["text_sha256"] != provenance.facts(source)["text_sha256"]:
        raise RunDirectoryError(
            f"{recorded.path}: text.source = {source!r} is not the file that the run learned from"
        )
    return experiment


def play(
    recorded: RunDirectory,
    made: World,
    tokens: int,
    learner: Learner,
    journal: Journal,
    tell: Callable[[float, int], None],
) -> RecordedFleet:
    """Play a recorded fleet to a learner.

    Args:
        recorded: The recorded run's directory.
        made: What is to be learned.
        tokens: Token ids V.
        learner: Who learns.
        journal: Where what the fleet says is appended.
        tell: Receives the simulated time and the version whenever a cohort has closed.

    Raises:
        GboardSimError: The fleet would have gone another way.
    """
    _check(recorded, made, made.wire(tokens).parameters)
    settings = made.experiment
    fleet = RecordedFleet(
        recorded,
        made.schedule.local,
        made.population.phone_class,
        settings.evaluation.every,
        settings.run.lookahead,
        settings.protocol.kind == "rounds",
    )
    fleet.play(learner, journal, tell)
    return fleet


def _check(recorded: RunDirectory, made: World, parameters: int) -> None:
    """Refuses what makes the fleet wait for updates, or uploads of another size."""
    if isinstance(made.schedule, Triggered):
        raise ExperimentError(
            f"schedule.name = {made.schedule.name!r} is not allowed with a recorded fleet: its "
            "phones look at each update before they send it"
        )
    _same_length(recorded, made)
    measured = recorded.table("answers", ("session",))["session"]
    if made.codec.size == "measured" or measured.null_count < len(measured):
        raise ExperimentError(
            "[codec] with a recorded fleet must be one of fixed size, and have been one: else the "
            "size of a payload follows from each update; set codec.lossless to none"
        )
    if made.experiment.training.word_rows == "typed":
        return  # the same codec on the same text: `open_recorded`
    cohorts = recorded.table("cohorts", ("task", "payload_bytes"))
    sent = cohorts.filter(pc.equal(cohorts["task"], "train"))["payload_bytes"]
    had, has = pc.max(sent).as_py(), made.codec.payload_bytes(parameters)
    if had is not None and had != has:
        raise ExperimentError(
            f"codec.name = {made.codec.name!r} is not allowed with the fleet of {recorded.path}: "
            f"its payloads have {has:,} bytes where those recorded have {had:,}, so timing would "
            "change at the first upload"
        )


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Keys that differ and are not free, with what they were and are."""
    for key in sorted({*then, *now}):
        free = any(key == each or key.startswith(f"{each}.") for each in FREE)
        if not free and then.get(key) != now.get(key):
            yield key, then.get(key), now.get(key)


def _leaves(experiment: Experiment) -> dict[str, Any]:
    """Every key of an experiment, dotted, but for its sweep."""
    found: dict[str, Any] = {}
    waiting = [("", experiment.model_dump(exclude={"sweep"}))]
    while waiting:
        prefix, table = waiting.pop()
        for key, value in table.items():
            if isinstance(value, dict):
                waiting.append((f"{prefix}{key}.", value))
            else:
                found[prefix + key] = value
    return found


def _same_length(recorded: RunDirectory, made: World) -> None:
    """Refuses a claim that ends the run after other versions than that of the recorded one."""
    then = claim_of(experiment_file.load(recorded / "experiment.toml"))
    had = None if then is None else then.bounds.versions
    has = None if made.claim is None else made.claim.bounds.versions
    if had != has:
        raise ExperimentError(
            f"[privacy] with the fleet of {recorded.path}: the claim allows {has} versions where "
            f"that of the recorded run allowed {had}; keep noise and epsilon, or run a fleet anew"
        )
