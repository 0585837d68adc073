import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs import payload
from gboard_sim.communication.codecs.k_level import KLevel
from tests.communication.codecs.many_phones import assert_unbiased, nmse, received

TIMES = 3000
NUMBERS = np.random.default_rng(4).lognormal(sigma=1.5, size=48).astype(np.float32)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_numbers_that_lie_on_levels_come_back_as_they_are(bits):
    update = np.arange(2**bits, dtype=np.float32) * 0.5 - 3
    codec = KLevel(bits=bits)
    assert codec.decode(codec.encode(update, 0, 0)).tolist() == update.tolist()


@given(
    update=hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-99, 99, width=32)),
    bits=st.sampled_from([1, 2, 4, 8]),
    phone=st.integers(0, 99),
)
def test_a_number_becomes_one_of_the_two_levels_around_it(update, bits, phone):
    read, _ = KLevel(bits=bits).transmit(update, phone, 0)
    step = (float(update.max()) - float(update.min())) / (2**bits - 1)
    assert (np.abs(read.astype(np.float64) - update) <= step * 1.0001 + 1e-4).all()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_the_upper_level_has_the_chance_of_the_paper(bits):
    """Mean x and variance s^2 f (1 - f), where f is how far x is above the lower level."""
    sample = received(KLevel(bits=bits), NUMBERS, TIMES)
    assert_unbiased(sample, NUMBERS)
    step = float(NUMBERS.max() - NUMBERS.min()) / (2**bits - 1)
    above = (NUMBERS - NUMBERS.min()) / step % 1
    expected = step**2 * above * (1 - above)
    assert sample.var(axis=0).sum() == pytest.approx(expected.sum(), rel=0.05)
    assert sample.var(axis=0) == pytest.approx(expected, abs=0.06 * step**2)
    assert nmse(sample, NUMBERS).mean() <= len(NUMBERS) / (2 * (2**bits - 1) ** 2)  # theorem 2


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_a_rotated_update_is_unbiased_within_the_bound_of_theorem_3(bits):
    sample = received(KLevel(bits=bits, rotate=True), NUMBERS, TIMES)
    assert_unbiased(sample, NUMBERS)
    bound = (2 * np.log(len(NUMBERS)) + 2) / (2**bits - 1) ** 2
    assert nmse(sample, NUMBERS).mean() <= bound


def test_a_rotation_saves_the_many_from_one_outlier():
    update = np.random.default_rng(1).standard_normal(4096).astype(np.float32)
    update[7] = 1000.0
    plain, rotated = (received(KLevel(bits=4, rotate=r), update, 3) for r in (False, True))
    rest = np.delete(np.arange(4096), 7)
    assert np.abs(plain[:, rest] - update[rest]).mean() > 5
    assert np.abs(rotated[:, rest] - update[rest]).mean() < 2


def test_each_block_has_a_range_of_its_own():
    update = np.array([0.0, 1.0, 0.0, 1000.0, 5.0], np.float32)
    read, size = KLevel(bits=1, block=2).transmit(update, 0, 0)
    assert read.tolist() == update.tolist()
    assert size == 16 + 3 * 8 + 1


def test_two_phones_round_independently():
    update = np.linspace(0, 1, 1000).astype(np.float32)
    first, second = received(KLevel(bits=1), update, 2) - update
    assert abs(np.corrcoef(first, second)[0, 1]) < 5 / np.sqrt(1000)


@pytest.mark.parametrize("step", [np.inf, np.nan, 3e38])
def test_a_sender_whose_levels_are_not_finite_is_refused(step):
    body = np.array([0.0, step], "<f4").tobytes() + b"\xff\xff"
    with pytest.raises(ValueError, match="NaN or infinity"):
        KLevel(bits=8).decode(payload.frame(b"klev", 2, body))
