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
    np.testing.assert_allclose(eligible.by_hour(), by_hour, atol=1e-9)
    # Two days: every phone lived through each of its local hours twice.
    np.testing.assert_allclose(eligible.by_local_hour(48 * 3600.0), by_local_hour / 2, atol=1e-9)


def test_hours_after_the_end_of_a_run_do_not_thin_out_its_local_hours():
    eligible = Eligibility(240, np.array([0.0, -3600.0]))
    always = np.array([0, 1]), np.zeros(2), np.full(2, 6 * 3600.0)
    eligible.add(Intervals(*always))
    local = eligible.by_local_hour(6 * 3600.0)
    assert local[:5].tolist() == [2.0] * 5
    assert local[[5, 23]].tolist() == [2.0, 2.0]
    assert local[6:23].tolist() == [0.0] * 17
