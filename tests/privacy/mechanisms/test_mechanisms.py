import pickle
import subprocess
import sys

import numpy as np

from gboard_sim.experiment.mechanisms import TABLE
from gboard_sim.privacy.mechanisms import MECHANISMS
from gboard_sim.privacy.mechanisms.distributed import DistributedSkellam
from gboard_sim.privacy.mechanisms.local_gaussian import LocalGaussian
from gboard_sim.privacy.mechanisms.local_laplace import LocalLaplace
from gboard_sim.privacy.mechanisms.none import NoMechanism
from gboard_sim.privacy.mechanisms.priv_unit import PrivUnit


def test_the_catalogue_goes_by_name():
    kinds = (NoMechanism, LocalGaussian, LocalLaplace, PrivUnit, DistributedSkellam)
    assert {kind.name: kind for kind in kinds}.items() <= MECHANISMS.items()
    assert all(kind.name == name for name, kind in MECHANISMS.items())
    assert list(MECHANISMS) == list(TABLE)


def test_every_mechanism_travels_to_a_worker():
    noisy = {"clip": 1.0, "noise_multiplier": 2.0, "seed": 3}
    for mechanism in (
        NoMechanism(),
        LocalGaussian(**noisy),
        LocalLaplace(**noisy),
        PrivUnit(**noisy),
        DistributedSkellam(**noisy, bits=16, scale=9.0, share_variance=2.0),
    ):
        assert pickle.loads(pickle.dumps(mechanism)) == mechanism


def test_no_mechanism_changes_nothing_and_claims_nothing():
    update = np.array([3.0, -4.0], np.float32)
    assert NoMechanism().privatize(update, 1, 2) is update
    assert NoMechanism().event(5, 10) is None


def test_workers_load_no_accountant():
    code = (
        "import sys, gboard_sim.privacy.mechanisms;"
        "print([m for m in ('dp_accounting', 'scipy', 'torch') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"
