import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.communication.codecs.modular import Modular


@given(st.integers(1, 24), st.lists(st.integers(0, 2**24 - 1), max_size=60))
def test_whole_numbers_are_read_as_they_are_modulo_the_ring(bits, numbers):
    sent = np.array(numbers, np.float32)
    codec = Modular(bits)
    expected = [number % 2**bits for number in numbers]
    assert codec.decode(codec.encode(sent, 0, 0)).astype(int).tolist() == expected
    assert codec.transmit(sent, 0, 0)[0].astype(int).tolist() == expected


def test_the_bytes_by_hand():
    # 3, 5 and 6 in four bits each, low bits first: 0x53, 0x06.
    assert Modular(4).encode(np.array([3, 5, 6], np.float32), 0, 0)[16:] == b"\x53\x06"


def test_numbers_below_zero_and_parts_of_numbers_have_their_place_in_the_ring():
    read, _ = Modular(4).transmit(np.array([-1, -16, 15.6, 2.4], np.float32), 0, 0)
    assert read.tolist() == [15.0, 0.0, 0.0, 2.0]


@pytest.mark.parametrize("bits", [4, 24])
def test_sums_of_payloads_are_sums_of_what_they_carry(bits):
    rng = np.random.default_rng(1)
    numbers = rng.integers(-(2 ** (bits - 3)), 2 ** (bits - 3), (3, 1000))
    codec = Modular(bits)
    total = sum(codec.transmit(row.astype(np.float32), 0, 0)[0].astype(np.int64) for row in numbers)
    half = 2 ** (bits - 1)
    assert ((total + half) % 2**bits - half == numbers.sum(axis=0)).all()
