"""The model of an experiment: its sizes, what phones train of it, and how many numbers travel."""

from dataclasses import replace

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.learning.model.spec import ModelSpec, load_spec
from gboard_sim.learning.model.trained_parts import TrainedParts, adapted_shapes
from gboard_sim.learning.model.wire import Wire


def spec_of(experiment: Experiment) -> ModelSpec:
    """The model's sizes, with what the experiment changes of them."""
    spec = load_spec(experiment.model.name)
    changes = experiment.model.model_dump(exclude={"name"}, exclude_none=True)
    if "embedding" in changes and spec.tied:
        width = "output_dense" if spec.output_dense else "projection"
        changes[width] = changes["embedding"]
    return replace(spec, **changes)


def parts_of(experiment: Experiment) -> TrainedParts:
    """What phones train of the model.

    Raises:
        ExperimentError: Adapters as large as what they replace.
    """
    training, spec = experiment.training, spec_of(experiment)
    rank = None if training.adapters is None else training.adapters.rank
    least = min(min(shape) for shape in adapted_shapes(spec).values())
    if rank is not None and rank >= least:
        raise ExperimentError(
            f"training.adapters.rank = {rank} must be below {least}, the width of the narrowest "
            f"matrix of model {spec.name!r}: adapters of that rank send no less than the matrices"
        )
    return TrainedParts(training.word_rows, rank, experiment.run.seed)


def parameters_of(experiment: Experiment, tokens: int | None = None) -> int:
    """Numbers in an update; None takes the vocabulary asked for, of which text may have less."""
    vocabulary = tokens or experiment.text.vocabulary
    return Wire(spec_of(experiment), vocabulary, parts_of(experiment)).parameters
