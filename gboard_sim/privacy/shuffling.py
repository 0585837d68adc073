"""Amplification by shuffling: what a pure randomiser reveals when its reports are mixed.

V. Feldman, A. McMillan, K. Talwar, "Hiding Among the Clones: A Simple and Nearly Optimal Analysis
of Privacy Amplification by Shuffling", FOCS 2021, theorem 3.1, in closed form. It needs a
randomiser that is (epsilon, 0)-private between any two updates, other phones' included, and a
shuffler that hands on at least `reports` of them at once without saying whose each is. Gaussian
noise is not pure, so it is not amplified here.
"""

import math

import scipy

from gboard_sim.privacy import pure_composition

_MARGIN = 1.0 - 1e-9


def amplified(local: float, reports: int, delta: float) -> float:
    """Epsilon of one shuffled round; `local` where the theorem does not hold or says no better.

    Args:
        local: Epsilon of one report between any two updates.
        reports: Fewest reports in the round.
        delta: Probability with which the bound may fail, above 0.
    """
    if reports < 2 or local > math.log(max(reports / (16.0 * math.log(2.0 / delta)), 1.0)):
        return local
    power = math.exp(local)
    mixed = 8.0 * math.sqrt(power * math.log(4.0 / delta) / reports) + 8.0 * power / reports
    return min(local, math.log1p((power - 1.0) / (power + 1.0) * mixed))


def epsilon_of(local: float, rounds: int, reports: int, delta: float) -> float:
    """Epsilon of `rounds` shuffled rounds together, or of the reports alone where that is less.

    Half of `delta` is spent evenly on the rounds' amplification, half on their composition.

    Args:
        local: Epsilon of one report between any two updates.
        rounds: Most rounds in which one phone takes part.
        reports: Fewest reports in each.
        delta: Probability with which the bound may fail.
    """
    alone = pure_composition.epsilon_of(local, rounds, delta)
    if rounds == 0 or delta == 0.0:
        return alone
    each_delta = delta / (2 * rounds)
    each = amplified(local, reports, each_delta)
    return min(alone, pure_composition.epsilon_of(each, rounds, delta, each_delta))


def local_of(total: float, delta: float, rounds: int, reports: int) -> float:
    """The largest epsilon of one report with which `rounds` rounds stay (total, delta)-private.

    Args:
        total: Epsilon of all rounds together; infinity gives infinity.
        delta: Probability with which the bound may fail.
        rounds: Most rounds in which one phone takes part, at least 1.
        reports: Fewest reports in each.

    Raises:
        ValueError: An argument is outside its range.
    """
    least = pure_composition.each_of(total, delta, rounds)
    if math.isinf(least) or delta == 0.0:
        return least
    most = math.log(max(reports / (16.0 * math.log(4.0 * rounds / delta)), 1.0))
    if most <= least or epsilon_of(most, rounds, reports, delta) <= total:
        return max(most, least)

    def excess(local: float) -> float:
        return epsilon_of(local, rounds, reports, delta) - total

    return max(least, float(scipy.optimize.brentq(excess, least, most, rtol=1e-12)) * _MARGIN)
