import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs.fp16 import Fp16
from gboard_sim.halves import LARGEST


def through(*numbers):
    return Fp16().decode(Fp16().encode(np.array(numbers, np.float32), 0, 0))


@given(st.floats(-65504, 65504, width=32))
def test_each_number_is_rounded_as_the_standard_librarys_half_is(number):
    (expected,) = struct.unpack("<e", struct.pack("<e", number))
    assert through(number)[0] == expected


def test_ties_go_to_the_even_half():
    step = 2.0**-10  # between halves from 1 to 2
    assert through(1 + step / 2, 1 + 3 * step / 2).tolist() == [1.0, 1 + 2 * step]


@pytest.mark.parametrize("number", [65504.0, 65519.0, 65520.0, 1e6, 3.4e38])
def test_what_is_too_large_is_sent_as_the_largest_half(number):
    assert through(number, -number).tolist() == [LARGEST, -LARGEST]


@given(
    hnp.arrays(np.float32, st.integers(1, 50), elements=st.floats(-65504, 65504, width=32)),
)
def test_the_error_is_within_the_bound_that_is_stated(update):
    error = np.abs(through(*update).astype(np.float64) - update)
    assert (error <= np.maximum(np.abs(update.astype(np.float64)) * 2.0**-11, 2.0**-25)).all()


def test_two_bytes_a_number_and_sixteen_of_header():
    assert Fp16().payload_bytes(1_412_250) == 16 + 2_824_500
