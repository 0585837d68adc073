"""What is drawn of users, against the distributions that their profiles name."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from gboard_sim import catalogue, seeds
from gboard_sim.fleet.mix import load_fleet
from gboard_sim.fleet.population import populate
from gboard_sim.fleet.users import (
    BOTH_WIFI,
    HOME_WIFI,
    TICKS_PER_H,
    WORK_WIFI,
    draw_users,
    more_ranks,
    ranks,
    shares,
    threshold,
)

N = 40_000


@pytest.fixture(scope="module")
def profile():
    return load_fleet("default", catalogue.read).profiles[0]


@pytest.fixture(scope="module")
def users(profile):
    mix = load_fleet("default", catalogue.read)
    mix = replace(mix, profiles=(replace(profile, never_share=0.0),))
    return draw_users(populate(mix, N, seed=3), np.arange(N), seed=3)


def test_the_parts_of_a_word_are_uniform_and_independent():
    words = seeds.sequence(seeds.bits(1, "a", np.arange(N)), 1)[0]
    parts = [ranks(words) / 2**14, more_ranks(words) / 2**14, shares(words) / 2**24]
    for part in parts:
        assert stats.kstest(part, "uniform").pvalue > 1e-3
    assert np.abs(np.corrcoef(parts) - np.eye(3)).max() < 4 / np.sqrt(N)
    assert (shares(words) < threshold(0.0)).sum() == 0
    assert (shares(words) < threshold(1.0)).all()
    assert abs((shares(words) < threshold(0.25)).mean() - 0.25) < 4 * np.sqrt(0.1875 / N)


def test_tables_are_the_quantiles_of_their_distributions(users, profile):
    tables = users.tables[0]
    middles = (np.arange(2**14) + 0.5) / 2**14
    for table, expected_h in (
        (tables.bedtime, stats.norm.ppf(middles, scale=profile.bedtime_within_sd_h)),
        (tables.sleep, stats.norm.ppf(middles, scale=profile.sleep_within_sd_h)),
        (tables.away, stats.norm.ppf(middles, scale=profile.away_within_sd_h)),
        (
            tables.top_up,
            stats.lognorm.ppf(middles, profile.top_up_sigma, scale=profile.top_up_median_h),
        ),
        (
            tables.use_spell,
            stats.lognorm.ppf(middles, profile.use_spell_sigma, scale=profile.use_spell_median_h),
        ),
    ):
        assert np.abs(table - expected_h * TICKS_PER_H).max() <= 0.6


def test_users_differ_by_the_spreads_of_their_profile(users, profile):
    bedtime_h = users.bedtime / TICKS_PER_H + 15.0
    sleep_h = users.sleep / TICKS_PER_H
    for values, mean, spread in (
        (bedtime_h, profile.bedtime_h, profile.bedtime_between_sd_h),
        (sleep_h, profile.sleep_h, profile.sleep_between_sd_h),
    ):
        assert stats.kstest(values, "norm", (mean, spread)).pvalue > 1e-3
    share = users.night_charge / 2**24
    expected = stats.norm(profile.night_charge_share, profile.night_charge_between_sd)
    assert abs((share == 1.0).mean() - expected.sf(1.0)) < 0.01
    assert abs((share < 0.5).mean() - expected.cdf(0.5)) < 0.01
    assert (np.corrcoef([bedtime_h, sleep_h, share])[0, 1:] < 0.03).all()


def test_top_ups_keep_their_mean_over_users_but_for_those_who_fill_every_slot(users, profile):
    rate = users.top_up / 2**24 * 8
    sigma = profile.top_ups_sigma
    law = stats.lognorm(sigma, scale=profile.top_ups_per_day * np.exp(-(sigma**2) / 2))
    expected = law.expect(lambda x: np.minimum(x, 8.0))
    assert abs(rate.mean() - expected) < 4 * rate.std() / np.sqrt(N)


def test_users_without_wifi_are_left_out_and_the_others_have_it_where_the_profile_says(
    users, profile
):
    home, work = profile.home_wifi_share, profile.work_wifi_share
    assert abs(len(users) / N - (1 - (1 - home) * (1 - work))) < 4 * np.sqrt(0.04 / N)
    for kind, share in (
        (HOME_WIFI, home * (1 - work)), (WORK_WIFI, work * (1 - home)), (BOTH_WIFI, home * work)
    ):  # fmt: skip
        assert abs((users.wifi == kind).sum() / N - share) < 4 * np.sqrt(share * (1 - share) / N)
