"""Numbers as a reader wants them: with a unit, as many digits as mean something, or a dash."""

import math

from gboard_sim.units import DAY_S, HOUR_S, MINUTE_S

UNKNOWN = "-"
"""What stands where a figure is not known."""

_SPANS = (("s", 1.0), ("min", MINUTE_S), ("h", HOUR_S), ("days", DAY_S))
_STEPS = (("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))


def known(value: float | None) -> bool:
    """Whether a figure of a run is a number: neither absent nor NaN."""
    return value is not None and not math.isnan(value)


def count(value: float | None) -> str:
    """A whole number with separators: `12,345`."""
    return f"{value:,.0f}" if value is not None and known(value) else UNKNOWN


def recall(value: float | None) -> str:
    """A recall between 0 and 1: `0.318`."""
    return f"{value:.3f}" if value is not None and known(value) else UNKNOWN


def share(value: float | None) -> str:
    """A share as a percentage: `93.4%`."""
    return f"{100 * value:.1f}%" if value is not None and known(value) else UNKNOWN


def decimal(value: float | None) -> str:
    """A plain number with two decimals: `61.80`."""
    return f"{value:,.2f}" if value is not None and known(value) else UNKNOWN


def data(value_bytes: float | None) -> str:
    """Bytes, in decimal multiples: `3.71 MB`."""
    return _scaled(value_bytes, "B")


def energy(value_j: float | None) -> str:
    """Joules, in decimal multiples: `41.2 J`."""
    return _scaled(value_j, "J")


def energy_range(low_j: float, central_j: float, high_j: float) -> str:
    """Joules with their bounds: `41.2 J (20.1 J to 80.0 J)`."""
    if not known(central_j):
        return UNKNOWN
    return f"{energy(central_j)} ({energy(low_j)} to {energy(high_j)})"


def duration(value_s: float) -> str:
    """A stretch of time: `144 s`, `12.3 min`, `5.20 h`."""
    if not known(value_s):
        return UNKNOWN
    unit, seconds = span_unit(value_s)
    return f"{significant(value_s / seconds)} {unit}"


def span_unit(value_s: float) -> tuple[str, float]:
    """A unit in which a stretch of time is a small number, and its seconds: minutes from 10 on."""
    return [pair for pair in _SPANS if value_s >= 10 * pair[1] or pair[1] == 1.0][-1]


def data_unit(value_bytes: float) -> tuple[str, float]:
    """The decimal multiple in which a number of bytes is told, and its bytes: `("MB", 1e6)`."""
    prefix, step = [pair for pair in _STEPS if value_bytes >= pair[1] or pair[1] == 1.0][-1]
    return f"{prefix}B", step


def significant(value: float) -> str:
    """A number to three significant digits, never in powers of ten: `0.0123`, `3.71`, `371`."""
    if value == 0.0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(float(f"{value:.2e}"))))
    return f"{value:,.{max(digits, 0)}f}"


def _scaled(value: float | None, unit: str) -> str:
    if value is None or not known(value):
        return UNKNOWN
    rounded = abs(float(f"{value:.2e}"))
    prefix, step = [pair for pair in _STEPS if rounded >= pair[1] or pair[1] == 1.0][-1]
    return f"{significant(value / step)} {prefix}{unit}"
