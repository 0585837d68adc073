import numpy as np
import pytest

from gboard_sim.learning.moving_average import MovingAverage
from gboard_sim.learning.snapshots import Snapshots


def vector(*numbers):
    return np.array(numbers, np.float32)


def test_the_average_is_the_weighted_sum_of_all_versions(tmp_path):
    """By hand: decays of 2/11 and 3/12 at versions 1 and 2, below .3, and then of .3."""
    snapshots = Snapshots(tmp_path)
    average = MovingAverage(snapshots, 0.3)
    versions = [vector(8.0, 0.0), vector(1.0, 1.0), vector(5.0, -1.0), vector(0.0, 4.0)]
    average.begin(versions[0])
    for version, parameters in enumerate(versions[1:], start=1):
        average.follow(version, parameters)
    decays = [2 / 11, 3 / 12, 0.3]
    first = versions[0] * decays[0] + versions[1] * (1 - decays[0])
    second = first * decays[1] + versions[2] * (1 - decays[1])
    third = second * decays[2] + versions[3] * (1 - decays[2])
    for version, expected in enumerate((versions[0], first, second, third)):
        assert snapshots.read(average.judged(version)) == pytest.approx(expected, rel=1e-6)


def test_without_a_decay_versions_are_judged_and_nothing_is_kept(tmp_path):
    average = MovingAverage(Snapshots(tmp_path), 0.0)
    average.begin(vector(1.0))
    average.follow(1, vector(2.0))
    assert average.judged(1) == 1
    assert not list(tmp_path.glob("*.npy"))


def test_an_average_of_noisy_versions_is_nearer_to_where_they_tend(tmp_path):
    """Of independent noise, (1 - d) / (1 + d) of the variance is left in the long run."""
    snapshots = Snapshots(tmp_path)
    average = MovingAverage(snapshots, 0.9)
    noise = np.random.default_rng(1).standard_normal((300, 4000)).astype(np.float32)
    average.begin(noise[0])
    for version in range(1, 300):
        average.follow(version, noise[version])
        snapshots.forget_before(version)
    left = float(np.var(snapshots.read(average.judged(299))))
    assert left == pytest.approx(0.1 / 1.9, rel=0.1)
    assert {int(path.stem) for path in tmp_path.glob("*.npy")} == {average.judged(299)} | {~0}
