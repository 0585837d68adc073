"""The Pareto front: what nothing else beats on cost and gain at once."""

import numpy as np
import numpy.typing as npt

from gboard_sim.seam.records import Floats


def front(cost: Floats, gain: Floats) -> npt.NDArray[np.int64]:
    """The indices of the points that no other point dominates, by ascending cost.

    A point dominates another if it costs no more and gains no less, and one of the two strictly.
    Equal points are all on the front; one that is not finite never is. Shapes [n].
    """
    finite = np.flatnonzero(np.isfinite(cost) & np.isfinite(gain))
    order = finite[np.lexsort((-gain[finite], cost[finite]))]
    kept: list[int] = []
    for at in order:
        best = kept[-1] if kept else None
        equal = best is not None and cost[at] == cost[best] and gain[at] == gain[best]
        if best is None or gain[at] > gain[best] or equal:
            kept.append(int(at))
    return np.array(kept, dtype=np.int64)
