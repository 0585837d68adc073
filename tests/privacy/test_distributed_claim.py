import math

import pytest

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.distributed_calibration import Aggregate, calibrated
from gboard_sim.privacy.distributed_claim import distributed_claim, sums_of
from gboard_sim.privacy.mechanisms.distributed import DistributedSkellam


def claim(epsilon=8.0, colluders=0, **bounds):
    about = Aggregate(
        size=5000, most=20, honest=16 - colluders, sums=3, delta=1e-6, bits=18
    )  # fmt: skip
    return distributed_claim(
        kind=DistributedSkellam,
        made=calibrated(DistributedSkellam, epsilon, 0.5, about),
        about=about,
        bounds=Bounds(**({"uploads": 3} | bounds)),
        clip=0.5,
        selected=26,
        colluders=colluders,
    )


def test_the_sentence_names_sums_noise_wraps_and_trust():
    said = str(claim())
    assert said.startswith("epsilon 8 at delta 1e-06 for one phone, all its text, the whole run")
    assert "at most 3 sums contain a phone's update, each clipped to an L2 norm of 0.5" in said
    assert "modulo 2^18 (a sum wraps around with probability 1e-06 at most)" in said
    assert "shares of at least 16 phones that do not collude with the server" in said
    assert "trusted: secure aggregation, through which the server sees sums alone" in said
    assert "at least 13 phones that do not collude" in str(claim(colluders=3))
    assert "at most 3 may tell it what they know" in str(claim(colluders=3).leaves_phone)


def test_the_accounting_gives_the_claim_back_and_less_for_fewer_sums():
    made = claim()
    spent = [made.accounting.epsilon(Bounds(uploads=count)) for count in range(4)]
    assert spent[0] == 0.0
    assert spent[3] == made.epsilon_policy
    assert spent == sorted(spent)


def test_a_phone_is_in_no_more_sums_than_any_bound_allows():
    assert sums_of(Bounds(uploads=5, participations=4, versions=9, separation=3)) == 3
    assert sums_of(Bounds(uploads=2, participations=4)) == 2
    assert sums_of(Bounds(versions=10)) == 10
    with pytest.raises(ValueError, match="max_participations or"):
        sums_of(Bounds())


def test_without_noise_nothing_is_promised():
    made = claim(epsilon=math.inf)
    assert made.epsilon_policy == math.inf
    assert str(made).endswith("and given no noise, so nothing is promised.")
