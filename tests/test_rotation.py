import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.linalg import hadamard as sylvester

from gboard_sim import rotation
from gboard_sim.rotation import hadamard, rotate, rotate_back

VECTORS = hnp.arrays(np.float32, st.integers(0, 70), elements=st.floats(-8, 8, width=32))


@pytest.mark.parametrize("power", range(10))
def test_the_quick_transform_is_scipys_matrix(power):
    numbers = np.random.default_rng(power).integers(-99, 100, 2**power).astype(np.float32)
    rows = np.stack([numbers, numbers[::-1], np.roll(numbers, 1)])
    assert hadamard(rows).tolist() == (rows @ sylvester(2**power)).tolist()


@given(vector=VECTORS, key=st.integers(0, 2**64 - 1))
def test_a_rotation_keeps_the_norm_and_is_undone(vector, key):
    before = vector.copy()
    turned = rotate(vector, key)
    assert turned.dtype == np.float32
    assert np.array_equal(vector, before)
    norms = [np.linalg.norm(each.astype(np.float64)) for each in (turned, vector)]  # no underflow
    assert norms[0] == pytest.approx(norms[1], rel=1e-5, abs=1e-30)
    assert rotate_back(turned, key) == pytest.approx(vector, abs=1e-4)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 12, 16, 31])
@pytest.mark.parametrize("together", [8, 16, 2**16])
def test_a_rotation_is_an_orthonormal_matrix_of_its_blocks(count, together, monkeypatch):
    monkeypatch.setattr(rotation, "BLOCK", together)
    eye = np.eye(count, dtype=np.float32)
    matrix = np.stack([rotate(row, 5, 8) for row in eye], axis=1)
    assert matrix.T @ matrix == pytest.approx(np.eye(count), abs=1e-6)
    vector = np.arange(count, dtype=np.float32)
    assert rotate(vector, 5, 8) == pytest.approx(matrix @ vector, abs=1e-4)
    back = np.stack([rotate_back(row, 5, 8) for row in eye], axis=1)
    assert back == pytest.approx(matrix.T, abs=1e-6)
    if count == 12:  # 8 coordinates, then the last 8 once more
        assert (matrix[:4, 8:] == 0).all()
        assert (matrix[4:, :] != 0).sum() > 32


def test_a_rotation_by_hand():
    turned = rotate(np.array([3.0, 4.0], np.float32), 1)
    found = sorted(np.abs(turned * np.sqrt(2.0)).tolist())
    assert found == pytest.approx([1.0, 7.0])


def test_a_vector_longer_than_a_block_is_turned_block_by_block():
    vector = np.zeros(2 * rotation.BLOCK + 5, np.float32)
    vector[0] = 1.0
    turned = rotate(vector, 9)
    assert np.abs(turned[: rotation.BLOCK]) == pytest.approx(rotation.BLOCK**-0.5)
    assert not turned[rotation.BLOCK :].any()
    assert rotate_back(turned, 9) == pytest.approx(vector, abs=1e-6)


def test_another_key_is_another_rotation_and_the_signs_are_fair():
    first, second = (rotate(np.ones(4096, np.float32), key) for key in (1, 2))
    assert not np.array_equal(first, second)
    # Coordinates of H D 1 / sqrt(p) are sums of p signs: nearly normal, variance 1.
    for turned in (first, second):
        assert abs(turned.mean()) < 5 / 64
        assert turned.var() == pytest.approx(1.0, abs=5 * np.sqrt(2 / 4096))
