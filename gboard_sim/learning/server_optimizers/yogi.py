"""Server Yogi (FedYogi: Reddi et al., ICLR 2021, algorithm 2; Zaheer et al., NeurIPS 2018)."""

import numpy as np

from gboard_sim.learning.server_optimizers.adaptive import adaptive
from gboard_sim.learning.server_optimizers.optimizer import ServerOptimizer, check_share


def yogi(beta_1: float = 0.9, beta_2: float = 0.99, tau: float = 1e-3) -> ServerOptimizer:
    """The second moment moves by what arrives alone: v <- v - (1 - b2) u^2 sign(v - u^2).

    So it falls slowly where updates have become small, and Adam's does by a share of itself. The
    rest is in `adaptive`.

    Args:
        beta_1: Decay of the first moment; the paper's 0.9.
        beta_2: One minus the share of a squared update that counts; the paper's 0.99.
        tau: Degree of adaptivity; the paper's 1e-3.

    Raises:
        ValueError: A setting is outside its range.
    """
    check_share(beta_2=beta_2)
    return adaptive(
        "yogi",
        lambda second, squared: second - (1.0 - beta_2) * squared * np.sign(second - squared),
        beta_1=beta_1,
        tau=tau,
    )
