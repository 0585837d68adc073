"""The model of an experiment: its sizes, and how many parameters that makes."""

from dataclasses import replace

from gboard_sim.experiment import Experiment
from gboard_sim.learning.model.spec import ModelSpec, load_spec, parameter_count


def spec_of(experiment: Experiment) -> ModelSpec:
    """The model's sizes, with what the experiment changes of them."""
    spec = load_spec(experiment.model.name)
    changes = experiment.model.model_dump(exclude={"name"}, exclude_none=True)
    if "embedding" in changes and spec.tied:
        width = "output_dense" if spec.output_dense else "projection"
        changes[width] = changes["embedding"]
    return replace(spec, **changes)


def parameters_of(experiment: Experiment, tokens: int | None = None) -> int:
    """Numbers in an update; None takes the vocabulary asked for, of which text may have less."""
    return parameter_count(spec_of(experiment), tokens or experiment.text.vocabulary)
