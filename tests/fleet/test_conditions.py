"""Rates by the hour and what breaks: their distributions, and what they are keyed by."""

from dataclasses import replace

import numpy as np
import pytest

from gboard_sim import catalogue
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.conditions import DOWNLOAD, TRAIN, UPLOAD, Conditions
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.population import populate


@pytest.fixture(scope="module")
def fleet():
    return populate(load_fleet("default", catalogue.read), 20_000, seed=3)


@pytest.mark.parametrize(("phase", "cv"), [(DOWNLOAD, 0.37), (UPLOAD, 0.40)])
def test_a_phones_hours_have_its_mean_rate_and_the_measured_variation(fleet, phase, cv):
    hours = 5000
    conditions = Conditions(fleet, 3)
    mean = (fleet.down_bytes_per_s if phase == DOWNLOAD else fleet.up_bytes_per_s)[7]
    at_s = np.arange(hours) * 3600.0 + 30.0
    rate, until_s = conditions.rate(phase, np.full(hours, 7), at_s)
    assert rate.mean() == pytest.approx(mean, rel=4 * cv / np.sqrt(hours))
    assert rate.std() / rate.mean() == pytest.approx(cv, rel=0.06)
    assert until_s.tolist() == (np.arange(1, hours + 1) * 3600.0).tolist()


def test_a_rate_depends_on_the_phone_and_the_hour_and_on_nothing_else(fleet):
    conditions = Conditions(fleet, 3)
    phone, at_s = np.array([5, 5, 5, 6]), np.array([100.0, 3599.0, 3600.0, 100.0])
    rate, until_s = conditions.rate(DOWNLOAD, phone, at_s)
    assert rate[0] == rate[1]
    assert len(set(rate[[0, 2, 3]].tolist())) == 3
    assert until_s.tolist() == [3600.0, 3600.0, 7200.0, 3600.0]
    alone, _ = Conditions(fleet, 3).rate(DOWNLOAD, phone[2:3], at_s[2:3])
    assert alone[0] == rate[2]
    assert (Conditions(fleet, 4).rate(DOWNLOAD, phone, at_s)[0] != rate).all()


def test_a_link_that_never_varies_has_its_rate_for_ever(world):
    rate, until_s = Conditions(world.population(2), 3).rate(UPLOAD, np.arange(2), np.zeros(2))
    assert (rate.tolist(), until_s.tolist()) == ([100.0] * 2, [np.inf] * 2)


def test_attempts_break_as_often_as_their_network_says_each_on_its_own(fleet):
    made = replace(fleet, failure_share=np.full(fleet.phones, 0.3))
    conditions, phone = Conditions(made, 3), np.arange(fleet.phones)
    count = np.zeros(fleet.phones, dtype=np.int64)
    draws = [
        conditions.breaks(phase, phone, count, attempt)
        for phase, attempt in ((DOWNLOAD, 0), (DOWNLOAD, 1), (UPLOAD, 0), (UPLOAD, 1))
    ]
    for flags, part in draws:
        assert flags.mean() == pytest.approx(0.3, abs=0.015)
        assert part.mean() == pytest.approx(0.5, abs=0.01)
    together = np.corrcoef([flags for flags, _ in draws])
    assert np.abs(together - np.eye(4)).max() < 0.03
    crashed, _ = conditions.breaks(TRAIN, phone, count, 0)
    assert crashed.mean() == pytest.approx(fleet.crash_share.mean(), abs=0.005)


def test_routes_name_what_a_phone_shares_and_leave_out_what_has_no_limit():
    capacity = Capacity(8.0, None, 4, 16.0)
    assert capacity.route(DOWNLOAD, 3) != capacity.route(DOWNLOAD, 4)
    assert capacity.route(UPLOAD, 0) == capacity.route(UPLOAD, 3)
    assert [capacity.bytes_per_s(link) for link in capacity.route(DOWNLOAD, 9)] == [1e6, 2e6]
    assert [capacity.bytes_per_s(link) for link in capacity.route(UPLOAD, 9)] == [2e6]
    assert capacity.shared
    assert not Capacity().shared
    assert Capacity().route(DOWNLOAD, 1) == ()
