import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs.fp32 import Fp32


@given(
    hnp.arrays(
        np.float32,
        st.integers(0, 50),
        elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
    )
)
def test_every_bit_comes_back(update):
    assert Fp32().decode(Fp32().encode(update, 0, 0)).tobytes() == update.tobytes()


def test_four_bytes_a_number_and_sixteen_of_header():
    assert Fp32().payload_bytes(1_412_250) == 16 + 5_649_000
