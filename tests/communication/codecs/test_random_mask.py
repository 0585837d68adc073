import numpy as np
import pytest

from gboard_sim.communication.codecs import payload
from gboard_sim.communication.codecs.random_mask import RandomMask
from tests.communication.codecs.many_phones import assert_unbiased, nmse, received

UPDATE = np.random.default_rng(3).lognormal(sigma=1.0, size=60).astype(np.float32) - 1


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_mean_over_phones_is_the_update_and_the_error_the_papers(share):
    sample = received(RandomMask(share=share), UPDATE, 4000)
    assert_unbiased(sample, UPDATE)
    assert nmse(sample, UPDATE).mean() == pytest.approx(1 / share - 1, rel=0.05)


def test_every_phone_sends_as_many_numbers_and_every_number_as_often():
    sent = received(RandomMask(share=0.25), np.ones(40, np.float32), 4000) != 0
    assert (sent.sum(axis=1) == 10).all()
    spread = np.sqrt(0.25 * 0.75 / 4000)
    assert sent.mean(axis=0) == pytest.approx(0.25, abs=5 * spread)


def test_a_mask_of_everything_loses_nothing():
    codec = RandomMask(share=1.0)
    assert codec.decode(codec.encode(UPDATE, 0, 0)).tobytes() == UPDATE.tobytes()


@pytest.mark.parametrize("value", [np.inf, np.nan, 3e38])
def test_a_sender_whose_values_are_not_finite_is_refused(value):
    body = bytes(8) + np.array([value], "<f4").tobytes()
    with pytest.raises(ValueError, match="NaN or infinity"):
        RandomMask(share=0.1).decode(payload.frame(b"mask", 10, body))
