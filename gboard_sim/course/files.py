"""The files of a run from first to last: where they lie, what they begin with, what is cleared."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gboard_sim.errors import (
    CatalogueError,
    CorpusError,
    ExperimentError,
    IncompatibleError,
    RunDirectoryError,
    TimingChangedError,
)
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.runlog import provenance
from gboard_sim.runlog.checkpoint import Checkpoint
from gboard_sim.runlog.directory import RunDirectory, unused

REFUSALS = (CatalogueError, CorpusError, ExperimentError, IncompatibleError, TimingChangedError)


def place(experiment: Experiment, out: Path | str | None) -> RunDirectory:
    """The directory that a run will write, made now so that a bad one is found at once."""
    arm = "" if experiment.run.arm == "federated" else f"-{experiment.run.arm.replace(':', '-')}"
    name = f"{experiment.name}{arm}-{experiment.run.seed}"
    return RunDirectory.create(unused(Path("runs"), name) if out is None else Path(out))


@contextmanager
def fresh(directory: RunDirectory) -> Iterator[None]:
    """Removes what a run wrote that turned out not to be possible before its first checkpoint."""
    try:
        yield
    except REFUSALS as error:
        # What was learned of a fleet that went another way is of no use to its own.
        if isinstance(error, TimingChangedError) or Checkpoint.load(directory) is None:
            for path in directory.path.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with suppress(OSError):  # a link, or the folder we stand in
                directory.path.rmdir()
        raise


def begin(directory: RunDirectory, experiment: Experiment, kind: str) -> None:
    """Write what a resumed run needs first."""
    directory.write_text("experiment.toml", experiment_file.dump(experiment))
    directory.write_json(
        "provenance.json", {"kind": kind, **provenance.facts(experiment.text.source)}
    )


def same_makers(directory: RunDirectory, experiment: Experiment) -> None:
    """Refuses to resume what is no learning run, or what other libraries or other text began.

    Raises:
        RunDirectoryError: Names what differs; the rest of the run would have other bits.
    """
    began = directory.read_json("provenance.json")
    now = provenance.facts(experiment.text.source)
    if began.get("kind") != "run":
        raise RunDirectoryError(
            f"{directory.path}: a run of the fleet alone; gboard-sim fleet --resume continues it"
        )
    if began.get("text_sha256") != now["text_sha256"]:
        raise RunDirectoryError(
            f"{directory.path}: text.source = {experiment.text.source!r} is not the file that the "
            "run began with; restore it, or start a new run"
        )
    there, here = began.get("libraries", {}), now["libraries"]
    for name in sorted({*there, *here}):
        if there.get(name) != here.get(name):
            raise RunDirectoryError(
                f"{directory.path}: provenance.json: {name} = {there.get(name)!r}, here "
                f"{here.get(name)!r}; install what began the run, or start a new one"
            )


def clean(directory: RunDirectory) -> None:
    """Remove what only a run that has not ended needs."""
    for name in ("journal", "checkpoints"):
        shutil.rmtree(directory / name, ignore_errors=True)
