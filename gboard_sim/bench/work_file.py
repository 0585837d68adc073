"""A work as one `.npz` file, so that every peer trains on the same tokens from the same parameters.

A message is given as the segments that the learner cuts it into: at most a lane of tokens, each
starting anew from <s>. The file has no padding and no packing: how to batch is the peer's choice.

```
parameters            float32 [P]   version 0, the tensors one after another
sizes                 int64 [4]     vocabulary, embedding, units, projection
learning_rate, bos    scalars
textbook              bool          whether peers write their model as a textbook has it
tokens                int32 [..]    every segment's tokens, one after another
segment_first         int64 [..]    segment s is tokens[segment_first[s]:segment_first[s + 1]]
batch_first           int64 [..]    SGD step b is segments batch_first[b]:batch_first[b + 1]
phone_first           int64 [..]    the phone at a place of a round takes steps phone_first[r * n +
                                    place] to the next
weights               float64 [rounds, n]   what each phone's update weighs in the mean
```
"""

from pathlib import Path

import numpy as np

from gboard_sim.bench.work import Work
from gboard_sim.learning.text.packing import BOS, Batch, Ids
from gboard_sim.seam.records import Ints


def write_work(work: Work, path: Path, *, textbook: bool) -> None:
    """Write a work for peers, and how their model is to be written."""
    tokens: list[Ids] = []
    lengths: list[Ints] = []
    segments: list[int] = []
    steps: list[int] = []
    for number, cohort in enumerate(work.cohorts):
        for phone in cohort:
            batches = list(work.batches(number, int(phone)))
            steps.append(len(batches))
            for batch in batches:
                inside, sizes = segments_of(batch)
                tokens.append(inside)
                lengths.append(sizes)
                segments.append(len(sizes))
    spec = work.spec
    np.savez(
        path,
        parameters=work.first_parameters(),
        sizes=np.array([work.tokens, spec.embedding, spec.units, spec.projection]),
        learning_rate=work.local.learning_rate,
        textbook=textbook,
        bos=BOS,
        tokens=np.concatenate(tokens),
        segment_first=_first(np.concatenate(lengths)),
        batch_first=_first(np.array(segments)),
        phone_first=_first(np.array(steps)),
        weights=np.array([[work.weight(int(p)) for p in cohort] for cohort in work.cohorts], float),
    )


def segments_of(batch: Batch) -> tuple[Ids, Ints]:
    """What a packed batch holds, in the order of its rows.

    Returns:
        The tokens [n], and the tokens in each segment.
    """
    starts = np.flatnonzero(batch.reset.ravel()[batch.positions])
    return batch.targets.ravel()[batch.positions], np.diff(starts, append=batch.tokens)


def _first(counts: Ints) -> Ints:
    """Where each of some runs starts, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts)])
