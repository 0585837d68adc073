import math

import pytest

from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.pure_claim import local_laplace_claim, priv_unit_claim


def laplace(**changes):
    arguments = {"epsilon": 8.0, "delta": 0.0, "clip": 0.5, "max_uploads": 4}
    return local_laplace_claim(**(arguments | changes))


def test_without_delta_each_payload_has_its_part_and_the_scale_is_the_sensitivity_over_it():
    made = laplace()
    assert made.epsilon_policy == 8.0
    assert made.accounting.each == 2.0
    assert made.noise_multiplier == pytest.approx(math.sqrt(2.0) / 2.0)
    assert laplace(relation="replace-one").noise_multiplier == pytest.approx(math.sqrt(2.0))


def test_delta_buys_a_little_where_payloads_are_many():
    many = {"max_uploads": 400, "epsilon": 4.0}
    assert laplace(**many, delta=1e-6).noise_multiplier < 0.3 * laplace(**many).noise_multiplier
    assert laplace(**many, delta=1e-6).epsilon_policy == pytest.approx(4.0, rel=1e-6)


def test_fewer_payloads_reveal_less():
    accounting = laplace().accounting
    spent = [accounting.epsilon(Bounds(uploads=count)) for count in range(5)]
    assert spent == [0.0, 2.0, 4.0, 6.0, 8.0]
    with pytest.raises(ValueError, match="bound"):
        accounting.epsilon(Bounds())


def test_a_crowd_behind_a_shuffler_lowers_the_noise_and_is_named():
    alone = laplace(delta=1e-6)
    mixed = laplace(delta=1e-6, reports=100_000)
    assert mixed.trusted == "shuffler"
    assert mixed.noise_multiplier < 0.8 * alone.noise_multiplier
    assert mixed.epsilon_policy <= 8.0
    # Other phones' updates are any updates: between those a payload reveals twice as much.
    assert mixed.accounting.between_any == 2.0 * mixed.accounting.each
    assert "shuffled with at least 100000 in its round; trusted: a shuffler" in str(mixed)


def test_a_small_crowd_hides_nobody():
    mixed = laplace(delta=1e-6, reports=10)
    assert mixed.noise_multiplier == laplace(delta=1e-6).noise_multiplier


def test_the_sentence_states_clip_scale_and_sensitivity():
    assert str(laplace()) == (
        "epsilon 8 at delta 0 for one phone, all its text, the whole run, against that text "
        "replaced by none (zero-out): at most 4 payloads leave the phone, each clipped to an L1 "
        "norm of 0.5 and given Laplace noise of scale 0.5 times that, for a sensitivity of 1 times "
        "it; trusted: nobody but the phone; timing and participation count as public."
    )
    assert "for a sensitivity of 2 times it" in str(laplace(relation="replace-one"))


def test_without_noise_nothing_is_promised():
    made = laplace(epsilon=math.inf)
    assert (made.epsilon_policy, made.noise_multiplier) == (math.inf, 0.0)
    assert str(made).endswith("but given no noise, so nothing is promised.")


def test_a_direction_and_its_norm_share_a_payloads_epsilon():
    made = priv_unit_claim(epsilon=8.0, delta=0.0, clip=0.5, max_uploads=4, noise_multiplier=2.5)
    assert made.accounting.each == made.accounting.between_any == 2.0
    assert "told as direction and norm apart, with epsilon 2 for both" in str(made)
