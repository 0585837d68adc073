"""Published parameters: whole or not at all, kept while a phone may start from them."""

import pickle

import numpy as np
import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.learning.snapshots import KEPT, Snapshots


def vector(version: int) -> np.ndarray:
    return np.random.default_rng(version).normal(size=1000).astype(np.float32)


def test_a_version_comes_back_bit_for_bit_and_is_not_loaded_whole(tmp_path):
    snapshots = Snapshots(tmp_path / "versions")
    snapshots.write(3, vector(3))
    read = snapshots.read(3)
    assert isinstance(read, np.memmap)
    assert read.dtype == np.float32
    assert read.tobytes() == vector(3).tobytes()
    with pytest.raises(ValueError, match="read-only"):
        read[0] = 1.0


def test_a_version_written_again_replaces_the_first_and_leaves_no_other_file(tmp_path):
    snapshots = Snapshots(tmp_path)
    snapshots.write(1, vector(1))
    held = snapshots.read(1)
    snapshots.write(1, vector(2))
    assert np.array_equal(snapshots.read(1), vector(2))
    assert np.array_equal(held, vector(1))  # whoever trains from the old one still can
    assert [path.name for path in tmp_path.iterdir()] == ["00000001.npy"]


def test_few_versions_stay_mapped_and_none_is_sent_to_a_worker(tmp_path):
    snapshots = Snapshots(tmp_path)
    for version in range(KEPT + 2):
        snapshots.write(version, vector(version))
    for version in range(KEPT + 2):
        assert snapshots.read(version) is snapshots.read(version)
    assert len(snapshots._mapped) == KEPT
    sent = pickle.dumps(snapshots)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).read(1), vector(1))


def test_old_versions_go_but_version_0_stays(tmp_path):
    snapshots = Snapshots(tmp_path)
    for version in (0, 1, 2, 9, 10, 11):
        snapshots.write(version, vector(version))
    held = snapshots.read(2)
    snapshots.forget_before(10)
    assert sorted(int(path.stem) for path in tmp_path.iterdir()) == [0, 10, 11]
    assert np.array_equal(held, vector(2))


def test_a_folder_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunDirectoryError, match="cannot be written"):
        Snapshots(tmp_path / "file" / "versions")
    snapshots = Snapshots(tmp_path / "versions")
    (tmp_path / "versions").rmdir()
    with pytest.raises(RunDirectoryError, match=r"00000001\.npy: cannot be written"):
        snapshots.write(1, vector(1))
