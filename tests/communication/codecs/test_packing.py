import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.communication.codecs import packing


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@given(data=st.data())
def test_levels_are_packed_low_bits_first_and_come_back(bits, data):
    levels = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=70))
    packed = packing.pack(np.array(levels, np.uint8), bits)
    whole = sum(level << bits * at for at, level in enumerate(levels))
    assert packed == whole.to_bytes(packing.packed_bytes(len(levels), bits), "little")
    assert packing.unpack(packed, len(levels), bits).tolist() == levels


@given(bits=st.integers(0, 32), data=st.data())
def test_places_are_packed_low_bits_first_and_come_back(bits, data):
    places = data.draw(st.lists(st.integers(0, 2**bits - 1), max_size=40))
    packed = packing.pack_places(np.array(places, np.int64), bits)
    whole = sum(place << bits * at for at, place in enumerate(places))
    assert packed == whole.to_bytes(packing.packed_bytes(len(places), bits), "little")
    assert packing.unpack_places(packed, len(places), bits).tolist() == places


@pytest.mark.parametrize(
    ("numbers", "bits"), [(0, 0), (1, 0), (2, 1), (3, 2), (256, 8), (257, 9), (1_412_250, 21)]
)
def test_a_place_takes_the_bits_of_the_last_one(numbers, bits):
    assert packing.place_bits(numbers) == bits
