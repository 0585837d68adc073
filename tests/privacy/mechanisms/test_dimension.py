"""What local privacy costs: the noise of one payload grows with the root of its length."""

import math

import numpy as np
import pytest

from gboard_sim.privacy import pure_claim
from gboard_sim.privacy.local_claim import local_gaussian_claim
from gboard_sim.privacy.mechanisms import LocalGaussian, LocalLaplace
from gboard_sim.privacy.priv_unit_calibration import calibrated

ASKED = {"epsilon": 8.0, "delta": 1e-6, "clip": 1.0, "max_uploads": 4}
SIZES = [1_000, 10_000, 100_000, 1_000_000]


def made(name, size):
    """A mechanism for the same claim, whatever the size."""
    if name == "local_gaussian":
        return LocalGaussian(1.0, local_gaussian_claim(**ASKED).noise_multiplier, 1)
    if name == "local_laplace":
        return LocalLaplace(1.0, pure_claim.local_laplace_claim(**ASKED).noise_multiplier, 1)
    return calibrated(1.0, pure_claim.each_payload(8.0, 1e-6, 4, None), size, 1)


@pytest.mark.parametrize("name", ["local_gaussian", "local_laplace", "priv_unit"])
def test_the_norm_of_the_noise_over_the_root_of_the_dimension_is_one_number(name):
    # The norm of an update is at most C in any dimension; 9,000 numbers and more leave the measured
    # norm within 2% of its mean, but for PrivUnit's, whose length is drawn: 30 payloads' mean.
    found = []
    for size in SIZES:
        mechanism = made(name, size)
        update = np.zeros(size, np.float32)
        update[0] = 1.0
        count = 30 if name == "priv_unit" and size < 1_000_000 else 3
        errors = [
            np.sum((mechanism.privatize(update, 0, n) - update).astype(np.float64) ** 2)
            for n in range(count)
        ]
        measured = math.sqrt(np.mean(errors) / size)
        if name == "priv_unit":
            assert 0.5 < measured / mechanism.noise_multiplier < 2.0
            measured = mechanism.noise_multiplier
        else:
            assert measured == pytest.approx(mechanism.noise_multiplier, rel=0.1)
        found.append(measured)
    assert found[1:] == pytest.approx([found[-1]] * 3, rel=0.02)
    assert found[0] == pytest.approx(found[-1], rel=0.1)
