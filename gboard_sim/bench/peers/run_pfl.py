"""pfl-research: FederatedAveraging on its SimulatedBackend, in one process or several.

Several processes are started by `python -m torch.distributed.run`, as its guide says; phones are
dealt out by the number of their tokens (`user_id_to_weight`), its own remedy for stragglers.

    python run_pfl.py WORK.npz ANSWER.json
"""

import sys
from importlib.metadata import version
from itertools import product
from pathlib import Path

import torch
from answer import Rounds
from cifg import Cifg
from pfl.aggregate.simulate import SimulatedBackend
from pfl.aggregate.weighting import WeightByDatapoints
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.callback.base import TrainingProcessCallback
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.hyperparam.base import NNEvalHyperParams, NNTrainHyperParams
from pfl.internal.ops import pytorch_ops
from pfl.metrics import Metrics, Weighted
from pfl.model.pytorch import PyTorchModel
from phone_text import PhoneText

NEVER = 1 << 30
"""Rounds between evaluations; pfl evaluates in the first round whatever this is."""


class PhoneDataset(Dataset):
    """One phone's text in one round, its batches each padded to their own longest message."""

    def __init__(self, text: PhoneText, number: int, place: int) -> None:
        super().__init__(raw_data=(), user_id=f"{number}/{place}")
        self._text, self._number, self._place = text, number, place

    def __len__(self) -> int:
        return int(self._text.weights[self._number, self._place])

    def iter(self, batch_size):
        """The batches of the work; their size is the work's."""
        yield from self._text.batches(self._number, self._place)


class KeyboardModel(Cifg):
    """The model with what pfl asks of it."""

    @torch.no_grad()
    def metrics(self, inputs, targets):
        """The loss, where pfl evaluates."""
        tokens = int((targets >= 0).sum())
        return {"loss": Weighted(float(self.loss(inputs, targets)) * tokens, tokens)}


class Marks(TrainingProcessCallback):
    """A mark at the start, and after every round."""

    def __init__(self, clock: Rounds) -> None:
        self._clock = clock

    def on_train_begin(self, *, model):
        """The first round begins."""
        self._clock.mark()
        return Metrics()

    def after_central_iteration(self, aggregate_metrics, model, *, central_iteration):
        """A round ends."""
        self._clock.mark()
        return False, Metrics()


def main(work: Path, answer: Path) -> None:
    """Run every round of the work."""
    torch.set_num_threads(1)
    text = PhoneText(work)
    module = KeyboardModel(text.sizes, text.textbook)
    module.load_flat(torch.from_numpy(text.parameters))
    model = PyTorchModel(
        model=module,
        local_optimizer_create=torch.optim.SGD,
        central_optimizer=torch.optim.SGD(module.parameters(), lr=1.0),
    )
    phones = list(product(range(text.rounds), range(text.cohort)))
    in_order = iter(phones)
    several = pytorch_ops.distributed.world_size > 1
    dataset = FederatedDataset(
        make_dataset_fn=lambda phone: PhoneDataset(text, *phone),
        user_sampler=lambda: next(in_order, phones[-1]),  # it samples ahead of the last round
        user_id_to_weight={phone: text.cost(*phone) for phone in phones} if several else None,
    )
    clock = Rounds()
    FederatedAveraging().run(
        algorithm_params=NNAlgorithmParams(
            central_num_iterations=text.rounds,
            evaluation_frequency=NEVER,
            train_cohort_size=text.cohort,
            val_cohort_size=0,
        ),
        backend=SimulatedBackend(
            training_data=dataset, val_data=dataset, postprocessors=[WeightByDatapoints()]
        ),
        model=model,
        model_train_params=NNTrainHyperParams(
            local_num_epochs=1, local_learning_rate=text.learning_rate, local_batch_size=8
        ),
        model_eval_params=NNEvalHyperParams(local_batch_size=8),
        callbacks=[Marks(clock)],
        send_metrics_to_platform=False,
    )
    if pytorch_ops.distributed.global_rank == 0:
        clock.write(answer, module, {name: version(name) for name in ("pfl", "torch")})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
