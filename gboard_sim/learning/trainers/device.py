"""Which processor torch trains on, and how many phones at once: decided before a run begins."""

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.experiment import Experiment

CUDA_PHONES = 60
"""Phones that train at once on a GPU where the experiment does not say (assumed: with gboard-cifg
and 8 lanes, 30 MB each, measured on a processor)."""


def settled(experiment: Experiment) -> Experiment:
    """The experiment with `training.device` and `training.phones_together` decided.

    A run keeps what was decided, because its bits depend on it.

    Raises:
        ExperimentError: A GPU is asked for, and there is none, or the engine is Ray.
    """
    training = experiment.training
    if training.trainer != "torch":
        return experiment
    cluster = experiment.run.engine == "ray"
    if training.device == "cuda" and cluster:
        raise ExperimentError(
            "training.device = 'cuda' does not go with run.engine = 'ray': one process has the "
            "card; allowed there: 'auto', 'cpu'"
        )
    device = training.device
    if device == "auto":
        device = "cuda" if not cluster and _cuda() else "cpu"
    elif device == "cuda" and not _cuda():
        raise ExperimentError(
            "training.device = 'cuda': torch finds no GPU here; allowed: 'auto', 'cpu'; hint: "
            "torch's CPU build has no CUDA, whatever the machine has"
        )
    alone = device == "cpu" or experiment.codec.lossless != "none"
    together = training.phones_together or (1 if alone else CUDA_PHONES)
    return experiment.with_training(device=device, phones_together=together)


def _cuda() -> bool:
    """Whether torch can compute on a GPU."""
    import torch  # noqa: PLC0415  torch is heavy

    return torch.cuda.is_available()
