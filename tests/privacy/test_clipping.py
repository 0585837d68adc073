import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.privacy.clipping import clip_l2, norm_of

UPDATES = hnp.arrays(
    np.float32, st.integers(1, 60), elements=st.floats(-(2.0**60), 2.0**60, width=32)
)


@given(UPDATES, st.floats(1e-6, 1e6))
def test_no_clipped_norm_is_above_the_clip(update, clip):
    assert np.linalg.norm(clip_l2(update, clip).astype(np.float64)) <= clip


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e6])
def test_no_long_clipped_norm_is_above_the_clip_and_none_is_far_below(scale):
    update = np.random.default_rng(1).normal(0, scale, 300_000).astype(np.float32)
    norm = np.linalg.norm(clip_l2(update, 0.3).astype(np.float64))
    assert 0.3 * (1 - 1e-6) < norm <= 0.3


def test_clipping_keeps_the_direction():
    assert clip_l2(np.array([30.0, -40.0], np.float32), 5.0) == pytest.approx([3, -4], rel=1e-6)


def test_an_update_within_the_clip_is_left_alone():
    update = np.array([0.3, -0.4], np.float32)
    assert (clip_l2(update, 0.51) == update).all()


def test_the_norm_of_large_numbers_does_not_overflow():
    assert norm_of(np.full(4, 1e38, np.float32)) == pytest.approx(2e38)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_update_that_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="NaN or infinity"):
        clip_l2(np.array([1.0, bad], np.float32), 1.0)
