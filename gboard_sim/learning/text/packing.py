"""Packs messages of unequal length into lanes of equal length, so that padding is not paid for.

```
rows      a b c | d e | f g h i j | k          lane of 5
inputs    <s> f g h i     targets   f g h i j     reset   1 0 0 0 0
          <s> a b <s> d             a b c d e             1 0 0 1 0
          <s> .  .  .  .            k . . . .             1 0 0 0 0      weight 0 at the dots
```

The recurrent state is zeroed at every reset, so a row meets nothing of the row before it in its
lane. A row longer than the lane is cut into segments that start anew from <s>.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gboard_sim import ranges
from gboard_sim.seam.records import Ints

BOS = 1  # the start of a message, <s>; sentencepiece's id of it, and the padding's

Ids = npt.NDArray[np.int32]


class Kept(NamedTuple):
    """What dropout keeps of a batch, as factors: 0, or 1 over the share that is kept.

    Time comes first, as in `definition.Tape`.

    Attributes:
        embedded: Of the input tokens' embeddings. Shape [T, B, D].
        features: Of what the logits are computed from. Shape [T, B, F].
    """

    embedded: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Batch:
    """One SGD step's messages, packed into B lanes of T tokens.

    Attributes:
        inputs: What the model reads. Shape [B, T].
        targets: What it should say next. Shape [B, T].
        reset: 1 where a segment starts, else 0. Shape [B, T].
        weight: 1 where there is a token, 0 at padding. Shape [B, T].
        positions: Where each token of the packed rows lies in the flattened lanes, in the rows'
            own order: `scores.ravel()[positions]` are the tokens' scores. Shape [tokens].
        kept: What dropout keeps; None without it.
    """

    inputs: Ids
    targets: Ids
    reset: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    positions: Ints
    kept: Kept | None = None

    @property
    def tokens(self) -> int:
        """Tokens that are not padding."""
        return len(self.positions)


def _place(lengths: Sequence[int], lane: int) -> tuple[list[int], int]:
    """Best fit, longest first: where each segment starts in the flattened lanes.

    At most 11/9 of the least number of lanes and 6/9 more (Johnson 1973: as for first fit).

    Returns:
        The start of each segment, and the number of lanes.
    """
    starts = [0] * len(lengths)
    open_lanes: list[list[int]] = [[] for _ in range(lane + 1)]  # lane numbers by free tokens
    lanes = 0
    for segment in sorted(range(len(lengths)), key=lambda s: -lengths[s]):
        length = lengths[segment]
        for free in range(length, lane):
            if open_lanes[free]:
                chosen = open_lanes[free].pop()
                break
        else:
            chosen, free, lanes = lanes, lane, lanes + 1
        starts[segment] = chosen * lane + lane - free
        open_lanes[free - length].append(chosen)
    return starts, lanes


def pack(tokens: Ids, lengths: Ints, lane: int, bos: int = BOS) -> Batch:
    """Pack rows of tokens into lanes; the same rows in the same order give the same lanes.

    Args:
        tokens: The rows' tokens, one row after another. Shape [tokens].
        lengths: Tokens in each row. Shape [rows].
        lane: Tokens T in a lane.
        bos: The id that every segment starts from.

    Raises:
        ValueError: There is no token at all.
    """
    count = int(lengths.sum())
    if count == 0 or count != len(tokens):
        raise ValueError(f"lengths sum to {count}, tokens are {len(tokens)}: must be equal, not 0")
    first = np.flatnonzero(ranges.places(lengths) % lane == 0)
    sizes = np.diff(first, append=count)
    placed, lanes = _place(sizes.tolist(), lane)
    starts = np.array(placed)
    positions = ranges.members(starts, sizes)
    inputs = np.full(lanes * lane, bos, np.int32)
    targets = np.full(lanes * lane, bos, np.int32)
    reset = np.zeros(lanes * lane, np.float32)
    weight = np.zeros(lanes * lane, np.float32)
    inputs[positions[1:]] = tokens[:-1]
    inputs[starts] = bos
    targets[positions] = tokens
    reset[starts] = 1.0
    weight[positions] = 1.0
    shape = (lanes, lane)
    return Batch(
        inputs=inputs.reshape(shape),
        targets=targets.reshape(shape),
        reset=reset.reshape(shape),
        weight=weight.reshape(shape),
        positions=positions,
    )
