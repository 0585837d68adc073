"""How the server turns a cohort's mean update into the next version; one optimiser a file."""

from collections.abc import Callable, Mapping

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
