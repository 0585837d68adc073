import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs import drive, payload
from gboard_sim.communication.codecs.drive import Drive
from tests.communication.codecs.many_phones import assert_unbiased, nmse, received
from tests.communication.codecs.test_sampling import in_proportion

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


@given(
    update=hnp.arrays(np.float32, st.integers(1, 70), elements=st.floats(-9, 9, width=32)),
    phone=st.integers(0, 99),
)
def test_no_other_scale_of_the_same_signs_has_less_error(update, phone):
    """What is read is then the projection: the error is at a right angle to it."""
    read, _ = Drive(scale="least_error").transmit(update, phone, 0)
    error = update.astype(np.float64) - read
    assert float(error @ read) == pytest.approx(0.0, abs=1e-4 * float(update @ update) + 1e-30)


UNEVEN = (
    np.random.default_rng(4).normal(size=(50, 64)) * np.geomspace(1, 1e-3, 50)[:, None]
).astype(np.float32)
"""Blocks of very different norms, in falling order."""


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_the_error_of_a_share_is_that_of_blocks_kept_in_proportion_to_their_norms(share):
    """A block that is kept with chance p and p^-1 times as large has the error (pi / 2p - 1) e."""
    squares = np.square(UNEVEN, dtype=np.float64).sum(axis=1)
    chances = in_proportion(np.sqrt(squares), round(share * 50))
    expected = ((np.pi / 2 / chances - 1) * squares).sum() / squares.sum()
    sample = received(Drive(share=share, block=64), UNEVEN.ravel(), 1000)
    assert nmse(sample, UNEVEN.ravel()).mean() == pytest.approx(expected, rel=0.05)


def test_a_share_of_an_uneven_update_costs_little_where_every_block_alike_would_double_it():
    """Half of the signs of every block have an error of pi - 1 = 2.14 (Konecny et al. 2016)."""
    half, whole = (
        nmse(received(Drive(share=share, block=64), UNEVEN.ravel(), 300), UNEVEN.ravel()).mean()
        for share in (0.5, 1.0)
    )
    assert whole == pytest.approx(np.pi / 2 - 1, rel=0.05)
    assert half < 1.1 * whole


def test_the_mean_over_phones_of_a_share_is_the_update_at_every_coordinate():
    """The smallest block is kept by one phone in thirty."""
    falling = np.geomspace(1, 0.03, 50, dtype=np.float32)[:, None]
    update = (UNEVEN / np.linalg.norm(UNEVEN, axis=1, keepdims=True) * falling).ravel()
    assert_unbiased(received(Drive(share=0.3, block=64), update, 4000), update)


def test_the_least_error_keeps_the_largest_blocks():
    read, _ = Drive(scale="least_error", share=0.1, block=64).transmit(UNEVEN.ravel(), 3, 0)
    kept = np.abs(read.reshape(50, 64)).max(axis=1) > 0
    assert kept.tolist() == [True] * 5 + [False] * 45


@pytest.mark.parametrize("scale", ["least_error", "unbiased"])
def test_a_share_sends_as_much_of_every_update(scale):
    """Of nothing, of one block alone, and of what is left over behind the last."""
    codec = Drive(scale=scale, share=0.25, block=64)
    size = 16 + 8 + 1 + 4 * 3 + (2 * 64 + 30) // 8 + 1
    for update in (np.zeros(542), np.eye(1, 542, 7)[0], np.ones(542), np.eye(1, 542, 541)[0]):
        payload = codec.encode(update.astype(np.float32), 1, 2)
        assert len(payload) == codec.payload_bytes(542) == size
        assert np.isfinite(codec.decode(payload)).all()


def test_a_payload_that_names_another_number_of_blocks_is_refused():
    codec = Drive(share=0.5, block=64)
    body = bytearray(codec.encode(np.ones(640, np.float32), 0, 0)[payload.HEADER_BYTES :])
    body[8] ^= 1
    with pytest.raises(ValueError, match="of 10 blocks"):
        codec.decode(payload.frame(b"driv", 640, bytes(body)))
    body[8] ^= 1
    body[9] |= 0x80  # behind the last block
    with pytest.raises(ValueError, match="of 10 blocks"):
        codec.decode(payload.frame(b"driv", 640, bytes(body)))


def test_a_share_costs_its_share_of_a_bit_and_of_the_scales():
    parameters = 640 * 1024
    whole, eighth = (Drive(share=share).payload_bytes(parameters) for share in (1.0, 0.125))
    assert whole - eighth == parameters // 8 * 7 // 8 + 4 * 640 * 7 // 8 - 640 // 8


def test_the_error_of_a_small_block_is_its_own_share_of_the_update():
    """Where numbers are a thousandth in size the error is too; turned with the rest it is not."""
    size = np.repeat([1.0, 1e-3], 512)
    update = (np.random.default_rng(4).normal(size=1024) * size).astype(np.float32)
    read = received(Drive(block=512), update, 300)
    small = np.s_[:, 512:]
    assert nmse(read[small], update[512:]).mean() == pytest.approx(np.pi / 2 - 1, rel=0.05)
    whole = received(Drive(block=1024), update, 300)
    assert nmse(whole[small], update[512:]).mean() > 100 * (np.pi / 2 - 1)


def test_one_number_alone_comes_back_since_its_rotation_is_signs_only():
    update = np.zeros(64, np.float32)
    update[9] = -3.0
    assert Drive().transmit(update, 0, 0)[0] == pytest.approx(update, abs=1e-6)


@pytest.mark.parametrize("scale", [np.inf, np.nan, 3e38])
def test_a_sender_whose_scale_is_not_finite_is_refused(scale):
    body = bytes(8) + np.array([scale], "<f4").tobytes() + b"\x00"
    with pytest.raises(ValueError, match="NaN or infinity"):
        Drive().decode(payload.frame(b"driv", 4, body))
