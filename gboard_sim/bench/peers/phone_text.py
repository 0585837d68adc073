"""A peer's view of the work file: each phone's batches as padded tensors."""

from pathlib import Path

import numpy as np
import torch

IGNORED = -100
"""The target at padding: what `cross_entropy` leaves out by default."""


class PhoneText:
    """The work file, read once for each process.

    Attributes:
        parameters: Version 0. Shape [P].
        sizes: Vocabulary, embedding, units, projection.
        textbook: Whether the model is written as a textbook has it.
        learning_rate: Of the phones' SGD.
        weights: What each phone's update weighs. Shape [rounds, cohort].
    """

    def __init__(self, path: Path) -> None:
        with np.load(path) as work:
            self.parameters = work["parameters"]
            self.sizes = tuple(int(size) for size in work["sizes"])
            self.textbook = bool(work["textbook"])
            self.learning_rate = float(work["learning_rate"])
            self.weights = work["weights"]
            self._bos = int(work["bos"])
            self._tokens = work["tokens"].astype(np.int64)
            self._segment_first = work["segment_first"]
            self._batch_first = work["batch_first"]
            self._phone_first = work["phone_first"]

    @property
    def rounds(self) -> int:
        """Rounds."""
        return self.weights.shape[0]

    @property
    def cohort(self) -> int:
        """Phones in a round."""
        return self.weights.shape[1]

    def steps(self, number: int, place: int) -> range:
        """The SGD steps of the phone at a place of a round."""
        at = number * self.cohort + place
        return range(self._phone_first[at], self._phone_first[at + 1])

    def cost(self, number: int, place: int) -> int:
        """Tokens that the phone trains on: what schedulers balance by."""
        steps = self.steps(number, place)
        first, last = self._batch_first[[steps.start, steps.stop]]
        return int(self._segment_first[last] - self._segment_first[first])

    def batches(self, number: int, place: int):
        """The phone's batches as (inputs, targets), each [B, T], T that of the longest segment."""
        return [self._padded(step) for step in self.steps(number, place)]

    def _padded(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        first, last = self._batch_first[step : step + 2]
        bounds = self._segment_first[first : last + 1]
        lengths = np.diff(bounds)
        targets = np.full((len(lengths), lengths.max()), IGNORED)
        targets[np.arange(targets.shape[1]) < lengths[:, None]] = self._tokens[
            bounds[0] : bounds[-1]
        ]
        inputs = np.full_like(targets, self._bos)
        inputs[:, 1:] = np.maximum(targets[:, :-1], 0)  # any id will do where there is padding
        return torch.from_numpy(inputs), torch.from_numpy(targets)
