"""Pre-training is the central arm's training on public text, pass by pass at a falling rate."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.training import Pretraining
from gboard_sim.learning.central import stream_batches
from gboard_sim.learning.pool import InlinePool
from gboard_sim.learning.pretraining import LAST_RATE, pretrained
from gboard_sim.learning.server_optimizers import adam

PLAN = Pretraining(epochs=3, batch_size=16, learning_rate=0.01, options={"tau": 1e-6})


def test_each_pass_reads_all_public_text_and_the_rate_falls_along_a_cosine(workshop):
    public, first = workshop.rows("public"), workshop.snapshots.read(0)
    only_public = replace(workshop, text=workshop.text / "nowhere")
    only_public._mapped["public"] = public
    found = list(pretrained(InlinePool(only_public), PLAN, public, first))
    assert [nth for nth, _ in found] == [1, 2, 3]
    optimizer, tokens = adam(tau=1e-6), len(public.tokens)
    state, parameters = optimizer.init(first), first
    rates = [0.01, 0.01 * (1 + LAST_RATE) / 2, 0.01 * LAST_RATE]
    for nth, rate in enumerate(rates):
        for batch in stream_batches(
            public.token_store(), (nth * tokens, (nth + 1) * tokens),
            batch_size=16, seed=1, lane=workshop.spec.lane,
        ):  # fmt: skip
            trained = workshop.trainer.train(parameters, [batch], 1.0)
            downhill = trained.parameters.astype(np.float64) - parameters
            state, parameters = optimizer.apply(state, parameters, downhill, rate)
        assert found[nth][1] == pytest.approx(parameters, rel=1e-6, abs=1e-7)


def test_divergence_is_blamed_on_its_own_key(workshop):
    plan = PLAN.model_copy(update={"learning_rate": 1e30})
    public, first = workshop.rows("public"), workshop.snapshots.read(0)
    with (
        np.errstate(over="ignore", invalid="ignore"),
        pytest.raises(ExperimentError, match=r"training\.pretraining\.learning_rate"),
    ):
        list(pretrained(InlinePool(workshop), plan, public, first))
