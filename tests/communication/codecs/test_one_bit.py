import numpy as np
import pytest

from gboard_sim.communication.codecs.one_bit import OneBit


def test_the_sign_of_each_number_and_the_mean_size_of_its_block_by_hand():
    update = np.array([1.0, -3.0, 5.0, -0.0, 0.0, -7.0], np.float32)
    read, size = OneBit(block=4).transmit(update, 0, 0)
    assert read.tolist() == [2.25, -2.25, 2.25, -2.25, 3.5, -3.5]
    assert size == 16 + 2 * 4 + 1


def test_the_error_is_the_papers():
    update = np.random.default_rng(0).standard_normal(4096).astype(np.float32)
    read, _ = OneBit().transmit(update, 0, 0)
    wide = update.astype(np.float64)
    density = np.abs(wide).sum() ** 2 / (4096 * (wide @ wide))
    assert ((read - wide) ** 2).sum() / (wide @ wide) == pytest.approx(1 - density, rel=1e-5)
    assert 1 - density == pytest.approx(1 - 2 / np.pi, rel=0.05)  # of normal numbers
