"""The text of a finished run, read again: what its model is judged on after the run."""

from gboard_sim import experiment_file, provenance
from gboard_sim.errors import CorpusError, RunDirectoryError
from gboard_sim.experiment import Experiment
from gboard_sim.runlog import RunDirectory


def experiment_with_text(directory: RunDirectory) -> Experiment:
    """The experiment of a run that left a model, whose text is still what it was.

    Raises:
        RunDirectoryError: The run has no model.
        CorpusError: Its text has changed.
    """
    began = directory.read_json("provenance.json")
    experiment = experiment_file.load(directory / "experiment.toml")
    if began.get("kind") != "run" or experiment.run.arm == "local-only":
        raise RunDirectoryError(
            f"{directory.path}: no model to export: the run was of the fleet alone, or every phone "
            "trained a model of its own; hint: take a run of the arm federated or central"
        )
    source = experiment.text.source
    if provenance.facts(source)["text_sha256"] != began.get("text_sha256"):
        raise CorpusError(
            f"text.source = {source!r} is not the file that {directory.path} was trained "
            "on, or is not there; hint: restore it, because a model is judged on its test text"
        )
    return experiment
