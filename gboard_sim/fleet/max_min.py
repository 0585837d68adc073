"""Max-min fair rates: nobody gets more while somebody who gets less could."""

import numpy as np

from gboard_sim.seam.records import Floats, Ints


def max_min(cap: Floats, route: Ints, capacity: Floats) -> Floats:
    """The max-min fair rates of flows over shared links.

    Progressive filling (Bertsekas and Gallager, Data Networks, 1992, section 6.5.2): all rates rise
    together, each until its own cap or until a link that it passes is full. A link's equal share of
    the room that is left only ever grows, so every flow whose cap is below all of its shares is
    settled at once, and so are all flows of a link that each of them finds the narrowest: a few
    passes over arrays stand for the rising level.

    Args:
        cap: The fastest that each flow could go, positive and finite. Shape [flows].
        route: The links that each flow passes, each once; -1 for none. Shape [flows, hops].
        capacity: What each link carries, positive. Shape [links].

    Returns:
        Rates. Shape [flows]. A flow that its cap holds back has exactly that rate.
    """
    nowhere = len(capacity)
    room = np.append(capacity, np.inf)
    route = np.where(route < 0, nowhere, route)
    rate = np.zeros(len(cap))
    open_ = np.arange(len(cap))
    while len(open_):
        passes, wants = route[open_], cap[open_]
        flows = np.bincount(passes.ravel(), minlength=nowhere + 1)
        share = room / np.maximum(flows, 1)
        least = share[passes].min(axis=1, initial=np.inf)
        level = np.minimum(wants, least)
        narrowest = passes[share[passes] <= level[:, None]]
        full = np.bincount(narrowest, minlength=nowhere + 1) == flows
        full[nowhere] = False
        settled = (wants <= least) | full[passes].any(axis=1)
        rate[open_[settled]] = level[settled]
        taken = np.repeat(level[settled], route.shape[1])
        room -= np.bincount(passes[settled].ravel(), taken, nowhere + 1)
        room = np.maximum(room, 0.0)
        room[nowhere] = np.inf
        open_ = open_[~settled]
    return rate
