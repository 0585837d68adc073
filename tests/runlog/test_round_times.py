"""Durations of rounds by hand, and their percentiles against numpy on the raw numbers."""

import numpy as np
import pytest

from gboard_sim.runlog import round_times


def test_a_round_lasts_from_its_first_configuration_to_its_close():
    seconds = round_times.durations(
        used_in=np.array([3, 1, -1, 1, 2, 9]),
        configured_s=np.array([50.0, 10.0, 0.0, 12.0, 35.0, 0.0]),
        version=np.array([1, 2, 3, 4]),
        closed_s=np.array([20.0, 40.0, 90.0, 99.0]),
    )
    assert seconds[:3].tolist() == [10.0, 5.0, 40.0]
    assert np.isnan(seconds[3])  # no upload of version 4 is in the log, and version 9 was not made


def test_without_versions_there_are_no_rounds():
    nothing = np.zeros(0)
    found = round_times.durations(np.array([1]), np.array([0.0]), nothing.astype(int), nothing)
    assert len(found) == 0
    assert np.isnan(round_times.quantiles(found)).all()


def test_percentiles_are_those_of_the_raw_numbers():
    raw = np.random.default_rng(3).lognormal(5.0, 0.4, 997)
    with_gaps = np.insert(raw, [5, 90], np.nan)
    assert round_times.quantiles(with_gaps).tolist() == pytest.approx(
        [np.percentile(raw, q) for q in (50, 90, 99)]
    )
