"""Hours of eligibility against a count minute by minute."""

import numpy as np

from gboard_sim.fleet.accounts import Eligibility
from gboard_sim.fleet.intervals import Intervals


def test_eligible_hours_equal_a_count_minute_by_minute():
    rng = np.random.default_rng(1)
    start = rng.integers(-600, 3 * 1440, 50)
    end = start + rng.integers(1, 900, 50)
    offset_h = rng.integers(-8, 3, 50)
    eligible = Eligibility(48, offset_h * 3600.0)
    eligible.add(Intervals(np.arange(50), start * 60.0, end * 60.0))
    by_hour, by_local_hour = np.zeros(48), np.zeros(24)
    for phone in range(50):
        for minute in range(max(start[phone], 0), min(end[phone], 48 * 60)):
            by_hour[minute // 60] += 1 / 60
            by_local_hour[(minute // 60 + offset_h[phone]) % 24] += 1 / 60
    np.testing.assert_allclose(eligible.by_hour, by_hour, atol=1e-9)
    np.testing.assert_allclose(eligible.by_local_hour, by_local_hour, atol=1e-9)
