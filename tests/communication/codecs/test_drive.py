import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs import drive, payload
from gboard_sim.communication.codecs.drive import Drive
from tests.communication.codecs.many_phones import nmse, received

UPDATE = np.random.default_rng(3).lognormal(sigma=0.5, size=1024).astype(np.float32)


@pytest.mark.parametrize(
    ("scale", "published"), [("least_error", 1 - 2 / np.pi), ("unbiased", np.pi / 2 - 1)]
)
@pytest.mark.parametrize("length", [65_536, 100_000])
def test_the_error_is_the_published_one(scale, published, length):
    skewed = np.random.default_rng(3).lognormal(size=length).astype(np.float32)
    sample = received(Drive(scale=scale), skewed, 4)
    assert nmse(sample, skewed) == pytest.approx(published, rel=0.03)


def test_the_mean_over_phones_is_the_update_only_with_the_unbiased_scale():
    """Of N phones without bias the error is (pi / 2 - 1) / N; a bias b adds |b|^2 / |x|^2.

    The tolerance sees a bias of 1.3% of the update's norm.
    """
    phones = 2000
    fair = received(Drive(), UPDATE, phones).mean(axis=0, keepdims=True)
    assert nmse(fair, UPDATE)[0] == pytest.approx((np.pi / 2 - 1) / phones, rel=0.3)
    shrunk = received(Drive(scale="least_error"), UPDATE, 200).mean(axis=0, keepdims=True)
    assert nmse(shrunk, UPDATE)[0] == pytest.approx((1 - 2 / np.pi) ** 2, rel=0.1)


@given(
    update=hnp.arrays(np.float32, st.integers(1, 70), elements=st.floats(-9, 9, width=32)),
    phone=st.integers(0, 99),
)
def test_the_unbiased_scale_keeps_the_product_with_the_update(update, phone):
    read, _ = Drive().transmit(update, phone, 0)
    square = float(update.astype(np.float64) @ update)
    assert float(read.astype(np.float64) @ update) == pytest.approx(square, rel=1e-4, abs=1e-30)


@pytest.mark.parametrize(("block", "expected"), [(16, 0.0036), (64, 0.00017)])
def test_small_blocks_are_biased_which_is_why_there_is_a_least(block, expected, monkeypatch):
    """Two halves of the phones, whose errors are independent: what they share is the bias."""
    monkeypatch.setattr(drive, "LEAST_BLOCK", 2)
    update = np.random.default_rng(5).normal(size=8192).astype(np.float32)
    errors = [each - update for each in received(Drive(block=block), update, 2000)]
    first, second = (np.mean(errors[half::2], axis=0) for half in (0, 1))
    found = float(first @ second) / float(update @ update)
    assert found == pytest.approx(expected, rel=0.35)


def test_no_choice_of_coordinates_is_unfair_to_two_numbers_alone():
    """Turned, half of their coordinates are zero: all that are sent, or none of them."""
    update = np.zeros(64, np.float32)
    update[:2] = 1.0
    sample = received(Drive(share=0.5), update, 2000)
    assert set(np.round(sample @ update, 3)) == {0.0, 4.0}
    assert sample.mean(axis=0) == pytest.approx(update, abs=0.1)


@given(
    update=hnp.arrays(np.float32, st.integers(1, 70), elements=st.floats(-9, 9, width=32)),
    phone=st.integers(0, 99),
)
def test_no_other_scale_of_the_same_signs_has_less_error(update, phone):
    """What is read is then the projection: the error is at a right angle to it."""
    read, _ = Drive(scale="least_error").transmit(update, phone, 0)
    error = update.astype(np.float64) - read
    assert float(error @ read) == pytest.approx(0.0, abs=1e-4 * float(update @ update) + 1e-30)


@pytest.mark.parametrize("share", [0.5, 0.1])
@pytest.mark.parametrize("scale", ["least_error", "unbiased"])
def test_the_error_of_a_share_of_the_signs_is_that_of_sampling_what_was_turned(scale, share):
    skewed = np.random.default_rng(3).lognormal(size=100_000).astype(np.float32)
    expected = 1 - 2 * share / np.pi if scale == "least_error" else np.pi / 2 / share - 1
    sample = received(Drive(scale=scale, share=share), skewed, 8)
    assert nmse(sample, skewed).mean() == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("share", [0.5, 0.125])
def test_the_mean_over_phones_of_a_share_is_the_update(share):
    """The tolerance sees a bias of 2% of the update's norm, at a half of the signs."""
    phones = 2000
    fair = received(Drive(share=share), UPDATE, phones).mean(axis=0, keepdims=True)
    assert nmse(fair, UPDATE)[0] == pytest.approx((np.pi / 2 / share - 1) / phones, rel=0.3)


def test_a_share_costs_its_share_of_a_bit():
    parameters = 10 * 65_536
    whole, eighth = (Drive(share=share).payload_bytes(parameters) for share in (1.0, 0.125))
    assert whole - eighth == parameters // 8 * 7 // 8


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_the_error_of_a_small_block_is_its_own_share_of_the_update(share):
    """Where numbers are a thousandth in size the error is too; turned with the rest it is not."""
    size = np.repeat([1.0, 1e-3], 512)
    update = (np.random.default_rng(4).normal(size=1024) * size).astype(np.float32)
    read = received(Drive(share=share, block=512), update, 300)
    small = np.s_[:, 512:]
    expected = np.pi / 2 / share - 1
    assert nmse(read[small], update[512:]).mean() == pytest.approx(expected, rel=0.05)
    whole = received(Drive(share=share), update, 300)
    assert nmse(whole[small], update[512:]).mean() > 100 * expected


def test_one_number_alone_comes_back_since_its_rotation_is_signs_only():
    update = np.zeros(64, np.float32)
    update[9] = -3.0
    assert Drive().transmit(update, 0, 0)[0] == pytest.approx(update, abs=1e-6)


@pytest.mark.parametrize("scale", [np.inf, np.nan, 3e38])
def test_a_sender_whose_scale_is_not_finite_is_refused(scale):
    body = bytes(8) + np.array([scale], "<f4").tobytes() + b"\x00"
    with pytest.raises(ValueError, match="NaN or infinity"):
        Drive().decode(payload.frame(b"driv", 4, body))
