"""The setting that the others of a sweep are held against, seed by seed."""

import math
from collections.abc import Mapping, Sequence

from gboard_sim.errors import GboardSimError
from gboard_sim.report.interval import Interval, interval
from gboard_sim.report.sweep_contents import Setting

LEVEL = 0.90
"""How often the interval of a paired difference is to hold its mean."""

LEAST = 2
"""Pairs from which on there is such an interval."""


def find(settings: Mapping[str, Mapping[str, str]], asked: str | None) -> int:
    """The number of the setting that is meant.

    Args:
        settings: Values by key of each setting, by its label, in the grid's order.
        asked: Its number, its label, or some of the label's parts, such as `codec=fp32`; None for
            the first.

    Raises:
        GboardSimError: None is meant, or several are.
    """
    if asked is None:
        return 1
    named = dict(enumerate(settings, start=1))
    found = [n for n, label in named.items() if asked in (str(n), label)]
    if not found:
        parts = [part.strip() for part in asked.split(",")]
        points = [{f"{key}={value}" for key, value in one.items()} for one in settings.values()]
        found = [n for n, point in enumerate(points, start=1) if point.issuperset(parts)]
    if len(found) == 1:
        return found[0]
    few = [f"{n}: {named[n]}" for n in (found or named)][:3]
    raise GboardSimError(
        f"--baseline {asked}: {'several settings' if found else 'no setting'} of the sweep; "
        f"allowed: a number from 1 to {len(settings)}, or key=value parts that one setting alone "
        f"has ({'; '.join(few)}{'; ...' if len(found or named) > 3 else ''})"
    )


def loss(setting: Setting, baseline: Setting, recall: str) -> Interval | None:
    """The relative loss of recall: (baseline's - setting's) / baseline's, a seed at a time.

    Common random numbers make the two runs of a seed alike in all but the setting, so that the
    differences vary less than the recalls do.

    Args:
        setting: What is compared.
        baseline: With what.
        recall: The column that is compared.

    Returns:
        Its mean with the `LEVEL` t interval; None where no seed has both.
    """
    losses = [
        1.0 - own[recall] / base[recall]
        for seed, own in setting.done.items()
        if (base := baseline.done.get(seed)) is not None
        and base[recall]
        and own[recall] is not None
    ]
    return interval(losses, LEVEL, LEAST) if losses else None


def factor(own: Sequence[float], base: Sequence[float]) -> Interval | None:
    """How many times less something takes than the baseline does: geometric means of paired ratios.

    Args:
        own: A cost, a seed at a time. Shape [n].
        base: The baseline's, of the same seeds. Shape [n].

    Returns:
        None without a pair of costs above 0. The ends are those of the logarithm's t interval.
    """
    logs = [math.log(b / a) for a, b in zip(own, base, strict=True) if a > 0 and b > 0]
    if not logs:
        return None
    found = interval(logs, LEVEL, LEAST)
    mean, low, high = (math.exp(value) for value in (found.mean, found.low, found.high))
    return Interval(mean, low, high, found.repeats)
