"""Version 0 trained on public text in one place, where an experiment asks for it: all its parts."""

import math
from collections.abc import Iterator, Sequence

from gboard_sim.experiment.training import Pretraining
from gboard_sim.learning.central import CentralPlan, TrainStretch
from gboard_sim.learning.jobs import Result, Stretched
from gboard_sim.learning.pool import Key, Pool
from gboard_sim.learning.server_optimizers import OPTIMIZERS
from gboard_sim.learning.text.store import TextRows
from gboard_sim.seam.records import Vector

LAST_RATE = 0.1
"""Share of the first pass's learning rate that is left in the last pass (assumed)."""


def pretrained(
    pool: Pool, plan: Pretraining, public: TextRows, first: Vector
) -> Iterator[tuple[int, Vector]]:
    """The parameters after each pass over all public text, with the number of the pass from 1.

    The learning rate falls along half a cosine from the first pass to `LAST_RATE` of it in the last
    (Loshchilov and Hutter, ICLR 2017).

    Args:
        pool: One of its workers does it: the passes follow each other.
        plan: The table `[training.pretraining]`.
        public: The public text.
        first: The parameters that were drawn. Shape [P].
    """
    central = CentralPlan(
        rows="public",
        share=1.0,
        batch_size=plan.batch_size,
        optimizer=plan.optimizer,
        options=plan.options,
        rate_key="training.pretraining.learning_rate",
        whole=True,
    )
    parameters, state = first, OPTIMIZERS[plan.optimizer](**plan.options).init(first)
    tokens = len(public.tokens)
    for nth in range(plan.epochs):
        stretch = (nth * tokens, (nth + 1) * tokens)
        height = (1.0 + math.cos(math.pi * nth / max(plan.epochs - 1, 1))) / 2.0
        rate = plan.learning_rate * (LAST_RATE + (1.0 - LAST_RATE) * height)
        job = TrainStretch(central, stretch, rate, parameters, state)
        pool.start(("pretrain", 0, nth), job)
        answers: Sequence[tuple[Key, Result]] = ()
        while not answers:  # none where a worker died and another has the job
            answers = pool.finished(waiting=True)
        [(_, result)] = answers
        assert isinstance(result, Stretched)
        parameters, state = result.parameters, result.optimizer
        yield nth + 1, parameters
