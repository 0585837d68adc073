import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gboard_sim.communication.codecs.drive import Drive
from gboard_sim.communication.codecs.k_level import KLevel
from gboard_sim.privacy.mechanisms.clip_bound import ClipBound

SIZE = 64


def update(scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return (scale * np.random.default_rng(seed).normal(size=SIZE)).astype(np.float32)


def norm(vector: np.ndarray) -> float:
    return float(np.linalg.norm(vector.astype(np.float64)))


@given(clip=st.floats(1e-6, 1e6), scale=st.floats(1e-9, 1e9), seed=st.integers(0, 99))
def test_no_norm_is_ever_above_the_clip_on_the_phone_or_at_the_server(clip, scale, seed):
    bound = ClipBound(clip)
    clipped, within = bound.on_phone(update(scale, seed))
    assert norm(clipped) <= clip
    assert within == (norm(update(scale, seed)) <= clip)
    assert norm(bound.on_server(update(scale, seed), SIZE)) <= clip


@pytest.mark.parametrize("codec", [Drive(), KLevel(bits=1)])
def test_what_a_lossy_codec_lengthened_is_clipped_again(codec):
    bound = ClipBound(1.0)
    clipped, _ = bound.on_phone(update(3.0))
    received, _ = codec.transmit(clipped, 0, 0)
    assert norm(received) > 1.05
    assert norm(bound.on_server(received, SIZE)) <= 1.0


@pytest.mark.parametrize(
    ("received", "reason"),
    [
        (np.full(SIZE, np.nan, np.float32), "NaN or infinity"),
        (np.full(SIZE, np.inf, np.float32), "NaN or infinity"),
        (np.zeros(SIZE - 1, np.float32), r"shape \(63,\)"),
        (np.zeros((1, SIZE), np.float32), r"shape \(1, 64\)"),
        (np.zeros(SIZE, np.float64), "type float64"),
        (np.full(SIZE, 0.2, np.float32), "norm 1.6, above the clip 1"),
    ],
)
def test_an_upload_that_lies_about_values_shape_or_norm_is_refused(received, reason):
    with pytest.raises(ValueError, match=reason):
        ClipBound(1.0, lengthens=1e-6).on_server(received, SIZE)


def test_an_honest_upload_at_the_clip_is_no_lie():
    bound = ClipBound(0.7, lengthens=1e-6)
    clipped, within = bound.on_phone(update(5.0))
    assert not within
    assert bound.on_server(clipped, SIZE) is clipped
