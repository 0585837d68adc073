"""Version 0 trained on public text, where an experiment asks for it."""

import numpy as np

from gboard_sim.learning.jobs import ChunkSum, Pretrain
from gboard_sim.learning.pool import Pool
from gboard_sim.records import LocalWork, Vector


def pretrained(pool: Pool, local: LocalWork) -> Vector:
    """The parameters of version 0 after passes over all public text. Shape [P].

    Args:
        pool: One of its workers does it; the snapshot of version 0 holds what was drawn.
        local: Passes, batch size and learning rate.
    """
    pool.start(("pretrain", 0, 0), Pretrain(local))
    [(_, result)] = pool.finished(waiting=True)
    assert isinstance(result, ChunkSum)
    return result.total.astype(np.float32)
