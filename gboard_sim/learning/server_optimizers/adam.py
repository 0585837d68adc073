"""Server Adam (FedAdam: Reddi et al., Adaptive federated optimization, ICLR 2021, algorithm 2)."""

from gboard_sim.learning.server_optimizers.adaptive import adaptive
from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer, check_share


def adam(beta_1: float = 0.9, beta_2: float = 0.99, tau: float = 1e-3) -> ServerOptimizer:
    """The second moment forgets: v <- b2 v + (1 - b2) u^2; the rest is in `adaptive`.

    Args:
        beta_1: Decay of the first moment; the paper's 0.9.
        beta_2: Decay of the second moment; the paper's 0.99.
        tau: Degree of adaptivity; the paper's 1e-3.

    Raises:
        ValueError: A setting is outside its range.
    """
    check_share(beta_2=beta_2)
    return adaptive(
        "adam",
        lambda second, squared: beta_2 * second + (1.0 - beta_2) * squared,
        beta_1=beta_1,
        tau=tau,
    )
