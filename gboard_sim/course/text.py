"""The text of a run: what its phones type, and what its model is judged on after the run."""

from gboard_sim.errors import CorpusError, RunDirectoryError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.prepared import PreparedText, prepare
from gboard_sim.runlog import provenance
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.world import world
from gboard_sim.world.world import World


def with_text(experiment: Experiment) -> tuple[World, PreparedText]:
    """The world of an experiment, of as many phones as its text has users for, and that text.

    Raises:
        GboardSimError: As `world.build`, or the text cannot be used.
    """
    settings, seed = experiment.text, experiment.run.seed
    divided = read_divided(settings, experiment.fleet.phones, seed)
    made = world.build(experiment.with_phones(len(divided.fleet)))
    text = prepare(
        divided,
        settings,
        days=experiment.run.days,
        utc_offset_s=made.population.utc_offset_s,
        seed=seed,
    )
    return made, text


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
            f"{directory.path}: no model of a server: it was of the fleet alone, or every phone "
            "trained a model of its own; hint: take a run of the arm federated or central"
        )
    source = experiment.text.source
    if provenance.facts(source)["text_sha256"] != began.get("text_sha256"):
        raise CorpusError(
            f"text.source = {source!r} is not the file that {directory.path} was trained "
            "on, or is not there; hint: restore it, because a model is judged on its test text"
        )
    return experiment
