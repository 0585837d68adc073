"""Server Adagrad (FedAdagrad: Reddi et al., ICLR 2021, algorithm 2)."""

from gboard_sim.learning.server_optimizers.adaptive import adaptive
from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer


def adagrad(beta_1: float = 0.0, tau: float = 1e-3) -> ServerOptimizer:
    """The second moment only grows: v <- v + u^2; the rest is in `adaptive`.

    Args:
        beta_1: Decay of the first moment; 0 is Adagrad without momentum, as the paper ran it.
        tau: Degree of adaptivity; the paper's 1e-3.

    Raises:
        ValueError: A setting is outside its range.
    """
    return adaptive("adagrad", lambda second, squared: second + squared, beta_1=beta_1, tau=tau)
