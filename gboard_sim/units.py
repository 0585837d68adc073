"""Names for quantities. Simulated time is float seconds since the experiment's start."""

MINUTE_S = 60.0
HOUR_S = 3600.0
DAY_S = 86400.0

BITS_PER_BYTE = 8
BYTES_PER_MB = 1_000_000
FLOAT32_BYTES = 4


def mbit_per_s(rate: float) -> float:
    """Megabits per second as bytes per second."""
    return rate * 1e6 / BITS_PER_BYTE
