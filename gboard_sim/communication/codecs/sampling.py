"""Which few of many things stand for all of them: each drawn with a chance in step with its size.

What is drawn counts 1 / chance times, so that sums come out right in the mean; of all chances of
one total, those in proportion to a thing's norm leave the least squared error (J. Wangni et al.,
"Gradient Sparsification for Communication-Efficient Distributed Optimization", NeurIPS 2018,
arXiv 1710.09854, where the things are coordinates). The draw is systematic (W. Madow,
"On the Theory of Systematic Sampling, II", Annals of Mathematical Statistics 20, 1949): as many
things every time, so that their number is known before.
"""

import numpy as np

from gboard_sim.communication.codecs.packing import Places
from gboard_sim.seam.records import Floats


def chances(norms: Floats, number: int) -> Floats:
    """The chance of each of n things to be among `number` drawn: in proportion, and at most 1.

    Args:
        norms: None is negative. Where too few are positive, the others have equal chances. Shape
            [n].
        number: At most n.
    """
    count = len(norms)
    order = np.argsort(-norms, kind="stable")
    falling = norms[order].astype(np.float64)
    left = np.cumsum(falling[::-1])[::-1]  # of this one and all smaller ones
    wanted = number - np.arange(count, dtype=np.float64)
    certain = int(np.argmax(falling * wanted <= left)) if number < count else count
    found = np.ones(count)
    if certain < count:
        total = left[certain]
        share = falling[certain:] / total if total > 0 else 1.0 / (count - certain)
        found[order[certain:]] = np.minimum(share * wanted[certain], 1.0)
    return found


def systematic(chances: Floats, number: int, start: float) -> Places:
    """Places of `number` things, ascending, each there with its own chance over random starts.

    Args:
        chances: At most 1 each, and `number` together, up to rounding. Shape [n].
        number: How many are drawn.
        start: Uniform in [0, 1).
    """
    nth = np.arange(number)
    places = np.searchsorted(np.cumsum(chances), start + nth, side="right")
    # Rounding may have put two into one place, or one behind the last that has a chance.
    places = np.maximum.accumulate(places - nth) + nth
    last = int(np.flatnonzero(chances)[-1])
    return np.minimum(places, last + 1 - number + nth)
