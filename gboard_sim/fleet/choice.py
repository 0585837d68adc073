"""Which of the phones that the server holds it configures.

`first` takes those that came first, as production servers do. The others hold a pool of phones
several times as large and choose from it:

- `uniform`: at random.
- `longest_waiting`: those whose last session lies longest ago; phones that had none come first.
- `utility`: Oort (Lai et al., OSDI 2021, algorithm 1 and equation 2). Phone i scores

      (U_i + sqrt(0.1 ln(v) / v_i)) x (T / t_i)^(1(T < t_i) alpha)

  where U_i = |B_i| sqrt(1/|B_i| sum over B_i of loss^2) is what the learner says of it one version
  after it took part, v the version that is about to be made, v_i the one for which it was last
  chosen, t_i how long that took it, and T the duration preferred. A share of the choices goes to
  phones whose U_i is not known; it begins at 0.9 and shrinks version by version. The rest is drawn,
  in proportion to their scores, from the phones that score at least 95% of the last of the best.
  Oort takes faster phones first among the unknown ones, cuts off outliers of U_i, and moves T as
  the sum of U_i falls; here the unknown are drawn alike, U_i stands, and T is fixed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log
from typing import Literal

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.selection import Selection
from gboard_sim.seam.records import Flags, Floats, Ints

Selector = Literal["first", "uniform", "longest_waiting", "utility"]

_ALPHA = 2.0  # penalty of slow phones (Oort, section 7.1)
_EXPLORE, _EXPLORE_DECAY, _EXPLORE_LEAST = 0.9, 0.98, 0.2  # Oort, section 7.1
_UNCERTAINTY = 0.1  # weight of the bonus of phones not seen for long (Oort, algorithm 1)
_CUT_OFF = 0.95  # share of the last of the best scores that still takes part (Oort, section 7.1)


@dataclass(frozen=True, slots=True)
class ChoiceRules:
    """How phones are chosen.

    Attributes:
        selector: By what.
        pool: Phones held per phone configured, for all but `first`.
        preferred_s: Session length beyond which `utility` marks a phone down.
    """

    selector: Selector = "first"
    pool: float = 2.0
    preferred_s: float = 120.0


class Chooser:
    """Chooses phones, and remembers what it needs for that."""

    def __init__(self, rules: ChoiceRules, phones: int, seed: int) -> None:
        self._rules = rules
        self._seed = seed
        self._last_s = np.full(phones, -np.inf)
        self._took_s = np.zeros(phones)
        self._last_version = np.zeros(phones, dtype=np.int64)
        self._utility = np.full(phones, np.nan)
        self._choices = 0

    def pool(self, wanted: int) -> int:
        """How many phones to hold before `wanted` of them are chosen."""
        if self._rules.selector == "first":
            return wanted
        return max(wanted, ceil(round(wanted * self._rules.pool, 9)))

    def choose(self, held: Selection, wanted: int, version: int) -> Flags:
        """Whom to configure, at most `wanted` of those held. Shape [n]."""
        chosen = np.ones(held.held, dtype=bool)
        if held.held <= wanted:
            return chosen
        self._choices += 1
        draw = seeds.uniforms(self._seed, "choice", held.phone, self._choices)
        if self._rules.selector == "first":
            order = np.lexsort((held.phone, held.checked_in_s))
        elif self._rules.selector == "uniform":
            order = np.argsort(draw, kind="stable")
        elif self._rules.selector == "longest_waiting":
            order = np.lexsort((draw, self._last_s[held.phone]))
        else:
            order = self._by_utility(held.phone, draw, wanted, version)
        chosen[order[wanted:]] = False
        return chosen

    def participated(self, phone: Ints, version: int, began_s: Floats, ended_s: Floats) -> None:
        """Takes note of sessions. Shape [n] each."""
        self._last_s[phone] = ended_s
        self._took_s[phone] = ended_s - began_s
        self._last_version[phone] = version

    def learned(self, utility: Mapping[int, float]) -> None:
        """Takes note of the learner's scores."""
        self._utility[np.fromiter(utility.keys(), dtype=np.int64)] = list(utility.values())

    def _by_utility(self, phone: Ints, draw: Floats, wanted: int, version: int) -> Ints:
        """Places in order of preference: a share never tried, the others by their scores."""
        known = ~np.isnan(self._utility[phone])
        tried, untried = np.flatnonzero(known), np.flatnonzero(~known)
        explore = max(_EXPLORE * _EXPLORE_DECAY**version, _EXPLORE_LEAST)
        fresh = min(len(untried), max(round(explore * wanted), wanted - len(tried)))
        untried = untried[np.argsort(draw[untried], kind="stable")]
        order = np.concatenate([untried[:fresh], tried])
        if fresh < wanted:
            score = self.scores(phone[tried], version)
            admitted = score >= _CUT_OFF * np.sort(score)[fresh - wanted]
            # The first of exponential clocks at these rates: a draw without return by score.
            with np.errstate(divide="ignore", invalid="ignore"):
                rings = -np.log1p(-draw[tried]) / score
            order[fresh:] = tried[np.lexsort((np.where(score > 0.0, rings, np.inf), ~admitted))]
        return np.concatenate([order, untried[fresh:]])

    def scores(self, phone: Ints, version: int) -> Floats:
        """Oort's scores of phones when `version` is the newest, NaN of the untried. Shape [n]."""
        last = np.maximum(self._last_version[phone], 1)
        bonus = np.sqrt(_UNCERTAINTY * log(version + 1) / last)
        preferred_s = self._rules.preferred_s
        slow = np.maximum(self._took_s[phone], preferred_s) / preferred_s
        scored: Floats = (self._utility[phone] + bonus) * slow**-_ALPHA
        return scored
