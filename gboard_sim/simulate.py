"""The join: builds both halves from an experiment, runs them, and writes the run directory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from gboard_sim.course import course as run_course
from gboard_sim.course import held_back, relearning
from gboard_sim.course.files import begin, clean, fresh, place, same_makers
from gboard_sim.course.fleet_half import run_fleet as run_fleet_half
from gboard_sim.errors import ExperimentError, RunDirectoryError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.fleet.fake_learner import FakeLearner, plausible_typing
from gboard_sim.fleet.recorded_learner import JournaledLearner
from gboard_sim.machine import MachineMeter
from gboard_sim.progress import Teller, Watch
from gboard_sim.runlog.checkpoint import Checkpoint
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.journal import Journal
from gboard_sim.world import world
from gboard_sim.world.downloads import model_bytes, published_chain


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Attributes:
        directory: Where it lies.
        summary: The object in `summary.json`.
    """

    directory: RunDirectory
    summary: dict[str, Any]

    def table(self, name: str) -> pa.Table:
        """A table of the run: `sessions`, `cohorts`, `answers`, `versions` or `evaluations`."""
        return self.directory.table(name)

    def flat_summary(self) -> dict[str, Any]:
        """The summary without nesting: `machine.wall_s`, `session_shapes.-v[]+^`, ..."""
        flat: dict[str, Any] = {}
        for key, value in self.summary.items():
            if isinstance(value, dict):
                flat |= {f"{key}.{inner}": found for inner, found in value.items()}
            else:
                flat[key] = value
        return flat


def run(
    experiment: Experiment, *, out: Path | str | None = None, watch: Watch | None = None
) -> Run:
    """Carry out an experiment.

    Args:
        experiment: What to run.
        out: The run directory, new or empty; by default `runs/<name>-<seed>`, then `-2`, ...
        watch: Told how far the run is.

    Raises:
        GboardSimError: The experiment, the text or the directory cannot be used.
    """
    directory = place(experiment, out)
    with directory.locked(), fresh(directory):
        return Run(directory, run_course.carry_out(experiment, directory, None, watch))


def resume(
    path: Path | str,
    *,
    workers: int | None = None,
    engine: str | None = None,
    ray_address: str | None = None,
    watch: Watch | None = None,
) -> Run:
    """Continue a run that was stopped, to the same end that it would have come to.

    Args:
        path: Its run directory.
        workers: Worker processes, where they should differ from the experiment's.
        engine: `local` or `ray`, likewise; the experiment's address is kept by `ray` alone.
        ray_address: Of the cluster, likewise.
        watch: Told how far the run is.

    Raises:
        RunDirectoryError: It is not a run directory of this version, or the run has ended.
    """
    directory = RunDirectory.open(Path(path), whole=False)
    with directory.locked():
        _refuse_ended(directory)
        experiment = experiment_file.load(
            directory / "experiment.toml",
            overrides=experiment_file.machinery(workers, engine, ray_address),
        )
        same_makers(directory, experiment)
        return Run(
            directory,
            run_course.carry_out(experiment, directory, Checkpoint.load(directory), watch),
        )


def relearn(
    experiment: Experiment,
    fleet_of: Path | str,
    *,
    out: Path | str | None = None,
    watch: Watch | None = None,
) -> Run:
    """Learn from the recorded fleet of a run that has ended, as `run` would with its own.

    Args:
        experiment: That of the run but for what `relearning.FREE` lists.
        fleet_of: The run's directory.
        out: As for `run`.
        watch: As for `run`.

    Raises:
        GboardSimError: As for `run`, or the fleet would have gone another way.
    """
    recorded = RunDirectory.open(Path(fleet_of))
    experiment = relearning.open_recorded(recorded, experiment)
    directory = place(experiment, out)
    with directory.locked(), fresh(directory):
        return Run(directory, run_course.carry_out(experiment, directory, None, watch, recorded))


def run_fleet(
    experiment: Experiment, *, out: Path | str | None = None, watch: Watch | None = None
) -> Run:
    """Run the fleet of an experiment alone, with a learner that learns nothing.

    The phones' text is made up (`fake_learner.plausible_typing`); arguments as for `run`.
    """
    directory = place(experiment, out)
    with directory.locked(), fresh(directory):
        return Run(directory, _fleet_alone(experiment, directory, watch))


def resume_fleet(path: Path | str, *, watch: Watch | None = None) -> Run:
    """Bring a run of the fleet alone that was stopped to the end that it would have come to.

    It has no checkpoints, since what takes long is learning: it is played again from its start.

    Args:
        path: Its run directory.
        watch: Told how far the run is.

    Raises:
        RunDirectoryError: It is not a run directory of this version, or the run has ended, or
            learns.
    """
    directory = RunDirectory.open(Path(path), whole=False)
    with directory.locked():
        _refuse_ended(directory)
        if directory.read_json("provenance.json").get("kind") != "fleet":
            raise RunDirectoryError(
                f"{path}: a run that learns; gboard-sim run --resume {path} continues it"
            )
        experiment = experiment_file.load(directory / "experiment.toml")
        clean(directory)
        return Run(directory, _fleet_alone(experiment, directory, watch))


def _refuse_ended(directory: RunDirectory) -> None:
    """Refuses to continue what has nothing left to do."""
    if (directory / "summary.json").exists():
        clean(directory)
        path = directory.path
        raise RunDirectoryError(
            f"{path}: the run has ended already; gboard-sim report {path} makes its page again"
        )


def _fleet_alone(
    experiment: Experiment, directory: RunDirectory, watch: Watch | None
) -> dict[str, Any]:
    """Run a fleet in its directory from the start, and write its summary."""
    with MachineMeter() as meter:
        made = world.build(experiment)
        if made.parts.word_rows == "typed":
            raise ExperimentError(
                "training.word_rows = 'typed' is not allowed in a run of the fleet alone, whose "
                "phones have no words; set it to all or frozen"
            )
        if made.codec.size == "measured":
            raise ExperimentError(
                "[codec] of measured size is not allowed in a run of the fleet alone, whose phones "
                "have no updates; set codec.lossless to none"
            )
        held_back.warn_before(made.schedule, learns=False)
        begin(directory, experiment, "fleet")
        size = experiment.text.vocabulary
        typing = plausible_typing(
            made.population.phones,
            experiment.run.days,
            experiment.run.seed,
            mean_rows=experiment.text.messages_per_user,
            cache_rows=experiment.text.cache_rows,
        )
        chain = published_chain(made, size)
        learner = FakeLearner(typing, model_bytes(made, size), downlink=chain)
        journal = Journal(directory / "journal", spills=True)
        seam = JournaledLearner(learner, journal, versions=True)
        teller = Teller(experiment.run, watch)
        with meter.timing("fleet"):
            end = run_fleet_half(made, size, None, seam, journal, teller.fleet)
        journal.join(directory.path)
        summary = run_course.end_run(directory, made, meter, end, None)
        clean(directory)
        return summary
