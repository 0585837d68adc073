"""How the server turns a cohort's mean update into the next version; one optimiser a file."""

from collections.abc import Callable, Mapping
from inspect import signature

from gboard_sim.errors import ExperimentError
from gboard_sim.learning.server_optimizers.adagrad import adagrad as adagrad
from gboard_sim.learning.server_optimizers.adam import adam as adam
from gboard_sim.learning.server_optimizers.fed_avg import fed_avg as fed_avg
from gboard_sim.learning.server_optimizers.momentum import momentum as momentum
from gboard_sim.learning.server_optimizers.nesterov import nesterov as nesterov
from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer as ServerOptimizer
from gboard_sim.learning.server_optimizers.yogi import yogi as yogi

OPTIMIZERS: Mapping[str, Callable[..., ServerOptimizer]] = {
    "fed_avg": fed_avg,
    "momentum": momentum,
    "nesterov": nesterov,
    "adagrad": adagrad,
    "adam": adam,
    "yogi": yogi,
}
"""By name in experiment files; the keyword arguments are an optimiser's own settings."""


def build(table: str, name: str, options: Mapping[str, float]) -> ServerOptimizer:
    """The optimiser that a table of an experiment asks for.

    Raises:
        ExperimentError: There is none of that name, it has no such option, or a value is out of
            range.
    """
    if name not in OPTIMIZERS:
        raise ExperimentError(
            f"{table}.optimizer = {name!r} is not allowed: must be one of {', '.join(OPTIMIZERS)}"
        )
    allowed = signature(OPTIMIZERS[name]).parameters
    for option, value in options.items():
        if option not in allowed:
            raise ExperimentError(
                f"{table}.options.{option} = {value} is not allowed: {name!r} has the options "
                f"{', '.join(allowed) or 'none'}"
            )
    try:
        return OPTIMIZERS[name](**options)
    except ValueError as error:
        raise ExperimentError(f"{table}.options: {error}") from error
