import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs import payload
from gboard_sim.communication.codecs.top_k import TopK, kept


@given(
    update=hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(-9, 9, width=32)),
    share=st.floats(0.01, 1.0),
)
def test_no_number_that_is_left_out_is_larger_than_one_that_is_kept(update, share):
    codec = TopK(share=share)
    read = codec.decode(codec.encode(update, 0, 0))
    number = kept(len(update), share)
    sizes = sorted(np.abs(update).tolist(), reverse=True)
    assert sorted(np.abs(read).tolist(), reverse=True)[:number] == sizes[:number]
    assert ((read == update) | (read == 0)).all()
    left = 1 - number / max(len(update), 1)
    error, square = (
        float((each.astype(np.float64) ** 2).sum()) for each in (read - update, update)
    )
    assert error <= left * square * 1.000001 + 1e-40  # as the paper bounds it


def test_the_bound_is_reached_where_all_numbers_are_equal():
    read, _ = TopK(share=0.25).transmit(np.full(8, 2.0, np.float32), 0, 0)
    assert sorted(read.tolist()) == [0.0] * 6 + [2.0] * 2


@pytest.mark.parametrize(
    ("count", "share", "number"), [(0, 0.5, 0), (1, 0.01, 1), (10, 0.25, 2), (10, 1.0, 10)]
)
def test_at_least_one_number_is_kept(count, share, number):
    assert kept(count, share) == number


@pytest.mark.parametrize("places", [0b0000_0000, 0b0001_0010, 0b0110_0101])
def test_a_sender_whose_places_do_not_ascend_is_refused(places):
    """Two places of three bits among five numbers: 0 0, 2 2, and 5 4."""
    body = bytes([places]) + np.array([1.0, 2.0], "<f4").tobytes()
    with pytest.raises(ValueError, match="payload holds places that do not ascend below 5"):
        TopK(share=0.4).decode(payload.frame(b"topk", 5, body))
