"""What repeats of a setting say of its mean: Student's t interval, or all that there is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

LEVEL = 0.95

LEAST = 3
"""Repeats from which on the t interval is used: with two it is thirteen half ranges wide."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and how far it may be off.

    Attributes:
        mean: Of the repeats.
        low: Lower end.
        high: Upper end.
        repeats: How many there were.
    """

    mean: float
    low: float
    high: float
    repeats: int


def interval(values: Sequence[float], level: float = LEVEL, least: int = LEAST) -> Interval:
    """The interval of at least one value.

    Args:
        values: The repeats.
        level: How often the t interval is to hold the mean.
        least: Repeats from which on the ends are those of the t interval, at least 2; below it
            they are the least and the greatest value.
    """
    n = len(values)
    mean = math.fsum(values) / n
    if n < least:
        return Interval(mean, min(values), max(values), n)
    variance = math.fsum((value - mean) ** 2 for value in values) / (n - 1)
    half = t_quantile((1 + level) / 2, n - 1) * math.sqrt(variance / n)
    return Interval(mean, mean - half, mean + half, n)


@cache
def t_quantile(p: float, degrees: int) -> float:
    """The quantile of Student's distribution for p from 0.5 on, by bisection of its exact form."""
    low, high = 0.0, 1.0
    while _within(high, degrees) < 2 * p - 1:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, degrees) < 2 * p - 1 else (low, middle)
    return (low + high) / 2


def _within(t: float, degrees: int) -> float:
    """P(|T| < t): Abramowitz and Stegun (1964), 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
