import math

import dp_accounting
import pytest

from gboard_sim.errors import InvariantError
from gboard_sim.privacy import accountant
from gboard_sim.privacy.local_claim import local_gaussian_claim


def claim(**changes):
    arguments = {"epsilon": 8.0, "delta": 1e-6, "clip": 0.5, "max_uploads": 4}
    return local_gaussian_claim(**(arguments | changes))


def test_the_whole_runs_epsilon_is_the_one_asked():
    made = claim()
    assert made.epsilon_policy == pytest.approx(8.0, rel=1e-7)
    assert made.epsilon_policy <= 8.0
    assert made.noise_multiplier == pytest.approx(
        2 * dp_accounting.get_sigma_gaussian(8.0, 1e-6), rel=1e-8
    )


@pytest.mark.parametrize("epsilon", [1e-3, 1.0, 700.0, 1e4])
@pytest.mark.parametrize("max_uploads", [1, 365])
def test_any_epsilon_can_be_claimed(epsilon, max_uploads):
    made = claim(epsilon=epsilon, max_uploads=max_uploads)
    assert made.epsilon_policy == pytest.approx(epsilon, rel=1e-6)


def test_the_sentence_names_unit_relation_bounds_and_trust():
    assert str(claim()) == (
        "epsilon 8 at delta 1e-06 for one phone, all its text, the whole run, against that text "
        "replaced by none (zero-out): at most 4 payloads leave the phone, each clipped to an L2 "
        "norm of 0.5 and given Gaussian noise of 1.30587 times that; trusted: nobody but the "
        "phone; timing and participation count as public."
    )
    assert "replaced by any other (replace-one)" in str(claim(relation="replace-one"))


def test_without_noise_epsilon_is_infinite_and_the_sentence_says_so():
    made = claim(epsilon=math.inf)
    assert (made.epsilon_policy, made.noise_multiplier) == (math.inf, 0.0)
    assert str(made) == (
        "epsilon is infinite: at most 4 payloads leave the phone, each clipped to an L2 norm of "
        "0.5 but given no noise, so nothing is promised."
    )


def test_a_delta_of_one_phone_or_more_is_warned_of():
    assert claim(delta=1e-4).warnings(phones=9_999) == ()
    (warning,) = claim(delta=1e-4).warnings(phones=10_000)
    assert "delta(=0.0001) is not below 1/10000" in warning


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epsilon": 0.0}, r"epsilon\(=0.0\)"),
        ({"delta": 0.0}, r"delta\(=0.0\)"),
        ({"clip": 0.0}, r"clip\(=0.0\)"),
        ({"max_uploads": 0}, r"max_uploads\(=0\)"),
    ],
)
def test_a_value_out_of_range_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        claim(**changes)


def test_a_calibration_that_the_accountant_does_not_confirm_is_no_claim(monkeypatch):
    monkeypatch.setattr(accountant, "noise_multiplier", lambda *_: 1.0)
    with pytest.raises(InvariantError, match="calibrated to epsilon 8"):
        claim()
