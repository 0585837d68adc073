"""Each matrix against brute force over all patterns of participation, and its noise against the
dense matrix. Deviations are measured over 40,000 numbers: the standard error is 0.35%."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest

from gboard_sim import seeds
from gboard_sim.privacy.blt_parameters import best_blt, inverse_coefficients, largest_error
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.mechanisms.banded import Banded
from gboard_sim.privacy.mechanisms.blocks import Blocks
from gboard_sim.privacy.mechanisms.blt import Blt
from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.toeplitz import inverse, square_root
from gboard_sim.privacy.mechanisms.tree import MOST_EXACT, Tree, at_most_squared, most_squared

SIZE = 40_000
BLT = Blt((0.95, 0.4), (0.3, 0.15))
SMALL = [
    Bounds(participations=uses, separation=separation, versions=versions)
    for versions in (1, 2, 5, 8, 11, 12)
    for uses in (1, 2, 3, versions)
    for separation in (1, 2, 3, 5, versions)
    if uses <= versions
]


def patterns(versions: int, uses: int, separation: int) -> Iterator[tuple[int, ...]]:
    """All of at most `uses` versions that are at least `separation` apart."""
    for count in range(1, uses + 1):
        for pattern in combinations(range(versions), count):
            if all(q - p >= separation for p, q in pairwise(pattern)):
                yield pattern


def sensitivity_squared(matrix: np.ndarray, uses: int, separation: int) -> float:
    """By trying them all. No entry is negative, so a phone does most in one direction."""
    assert (matrix >= 0.0).all()
    tried = patterns(matrix.shape[1], uses, separation)
    return max(float(np.square(matrix[:, list(each)].sum(axis=1)).sum()) for each in tried)


def tree_matrix(versions: int) -> np.ndarray:
    """One row for each complete dyadic node, 1 where a version is in it."""
    rows, length = [], 1
    while length <= versions:
        for first in range(0, versions - length + 1, length):
            rows.append(np.zeros(versions))
            rows[-1][first : first + length] = 1.0
        length *= 2
    return np.array(rows)


def toeplitz_matrix(coefficients: np.ndarray) -> np.ndarray:
    """Entry (i, j) is c[i - j]."""
    n = len(coefficients)
    return np.array([[coefficients[i - j] if i >= j else 0.0 for j in range(n)] for i in range(n)])


def normals(*ids: int) -> np.ndarray:
    return seeds.stream(5, "test", *ids).standard_normal(SIZE)


def drawn(noise, versions: int) -> np.ndarray:
    """The noise of every version. Shape [versions, SIZE]."""
    state, rows = {}, []
    for step in range(versions):
        before = {name: array.copy() for name, array in state.items()}
        after, row = noise.draw(state, step, normals)
        assert all(np.array_equal(before[name], state[name]) for name in before)
        rows.append(row.copy())
        row *= 0.0  # the caller's to change
        state = after
    return np.array(rows)


def dense(noise: Banded, versions: int) -> np.ndarray:
    coefficients = np.zeros(versions)
    coefficients[: noise.bands] = square_root(noise.bands)[:versions]
    matrix = toeplitz_matrix(coefficients)
    return matrix * np.sqrt(noise.column_norm_squared) / np.linalg.norm(matrix, axis=0)


@pytest.mark.parametrize("bounds", SMALL, ids=str)
def test_sensitivity_is_that_of_the_worst_of_all_patterns(bounds):
    n, uses, apart = bounds.versions, bounds.participations, bounds.separation
    tree = sensitivity_squared(tree_matrix(n), uses, apart)
    assert Tree().sensitivity_squared(bounds) == tree
    assert at_most_squared(n, bounds.uses, apart) >= tree
    blt = sensitivity_squared(toeplitz_matrix(BLT.coefficients(n)), uses, apart)
    assert BLT.sensitivity_squared(bounds) == pytest.approx(blt, rel=1e-12)
    assert Independent().sensitivity_squared(bounds) == max(
        len(pattern) for pattern in patterns(n, uses, apart)
    )
    banded = Banded(min(apart, n), n, 0.2)
    exact = sensitivity_squared(dense(banded, n), uses, apart)
    assert banded.sensitivity_squared(bounds) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("bounds", SMALL, ids=str)
@pytest.mark.parametrize("warm_up", [0, 3])
def test_blocks_are_never_less_sensitive_than_the_worst_pattern(bounds, warm_up):
    n, length = bounds.versions, 4
    matrix = np.eye(n)
    for first in range(warm_up, n, length):
        block = slice(first, min(first + length, n))
        matrix[block, block] = toeplitz_matrix(BLT.coefficients(block.stop - first))
    exact = sensitivity_squared(matrix, bounds.participations, bounds.separation)
    found = Blocks(BLT, warm_up, length).sensitivity_squared(bounds)
    assert found >= exact - 1e-12
    if bounds.participations == 1 or bounds.separation == 1:
        assert found == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    "noise", [BLT, Banded(3, 12), Banded(1, 12), Banded(12, 12, 0.2)], ids=repr
)
def test_the_matrix_turns_its_noise_back_into_fresh_noise(noise):
    matrix = (
        dense(noise, 12) if isinstance(noise, Banded) else toeplitz_matrix(BLT.coefficients(12))
    )
    fresh = np.array([normals(step) for step in range(12)])
    assert np.allclose(matrix @ drawn(noise, 12), fresh, atol=1e-9)


def test_the_tree_leaves_the_noise_of_the_nodes_that_tile_a_sum():
    sums = np.cumsum(drawn(Tree(), 13), axis=0)
    tiles = {
        6: [(2, 0), (1, 4)],
        8: [(3, 0)],
        11: [(3, 0), (1, 8), (0, 10)],
        13: [(3, 0), (2, 8), (0, 12)],
    }
    for versions, nodes in tiles.items():
        expected = sum(normals(level, first) for level, first in nodes)
        assert np.allclose(sums[versions - 1], expected, atol=1e-9)


def test_a_block_begins_anew_and_shares_no_draw_with_another():
    rows = drawn(Blocks(BLT, 2, 5), 12)
    assert np.array_equal(rows[1], normals(1))
    assert np.array_equal(rows[7], normals(7, 0))
    own = np.array([normals(7, step) for step in range(5)])
    assert np.allclose(toeplitz_matrix(BLT.coefficients(5)) @ rows[7:12], own, atol=1e-9)


@pytest.mark.parametrize(
    "noise",
    [Independent(), Tree(), Banded(4, 10), BLT, Blocks(BLT, 2, 3), Blocks(Tree(), 0, 4)],
    ids=repr,
)
def test_every_release_has_the_deviation_that_it_states(noise):
    for step, row in enumerate(drawn(noise, 10)):
        assert row.std() == pytest.approx(noise.deviation(step), rel=0.02)


def test_bands_that_a_phone_would_meet_twice_are_refused():
    bounds = Bounds(participations=2, separation=3, versions=12)
    with pytest.raises(ValueError, match=r"bands\(=4\) must be at most the enforced separation"):
        Banded(4, 12).sensitivity_squared(bounds)
    assert Banded(4, 12).sensitivity_squared(replace(bounds, participations=1)) == 1.0


@pytest.mark.parametrize("noise", [Tree(), BLT, Blocks(BLT, 1, 4)], ids=repr)
def test_a_run_without_an_end_is_refused(noise):
    with pytest.raises(ValueError, match=r"set run\.versions"):
        noise.sensitivity_squared(Bounds(participations=3, separation=4))


@pytest.mark.parametrize(
    ("theta", "omega", "message"),
    [
        ((0.5,), (0.1, 0.2), "must be as many"),
        ((1.5,), (0.1,), "must be in"),
        ((0.5,), (-0.1,), "above"),
        ((0.5, 0.4), (0.6, 0.6), "at most 1"),
    ],
)
def test_buffers_that_make_no_falling_matrix_are_refused(theta, omega, message):
    with pytest.raises(ValueError, match=message):
        Blt(theta, omega)


def test_many_uses_of_a_tree_are_bounded_and_not_searched():
    bounds = Bounds(separation=1, versions=2 * MOST_EXACT)
    assert Tree().sensitivity_squared(bounds) >= most_squared(2 * MOST_EXACT, MOST_EXACT, 1)
    one = Bounds(separation=1, versions=64)
    assert Tree().sensitivity_squared(one) == sum(4**level * (64 >> level) for level in range(7))


def test_the_square_root_squared_is_the_matrix_of_prefix_sums():
    root = toeplitz_matrix(np.array(square_root(30)))
    assert np.allclose(root @ root, np.tril(np.ones((30, 30))))


@pytest.mark.parametrize("buffers", [2, 3, 4])
def test_buffers_come_as_close_to_the_least_error_as_their_number_allows(buffers):
    """For one use the square root has the least largest error of all Toeplitz matrices."""
    bounds = Bounds(participations=1, versions=500)
    root = np.array(square_root(500))
    sums = np.cumsum(inverse(tuple(root.tolist()), 500))
    least = np.linalg.norm(root) * np.linalg.norm(sums)
    assert largest_error(best_blt(bounds, buffers), bounds) / least >= 1.0 - 1e-9
    share = {2: 1.02, 3: 1.003, 4: 1.001}[buffers]
    assert largest_error(best_blt(bounds, buffers), bounds) / least < share


def test_buffers_for_many_uses_have_less_error_than_tree_square_root_and_independent_noise():
    bounds = Bounds(participations=6, separation=100, versions=600)
    blt = best_blt(bounds, 3)
    root = np.array(square_root(600))
    pattern = range(0, 600, 100)
    uses = sum(np.concatenate([np.zeros(first), root[: 600 - first]]) for first in pattern)
    by_root = np.linalg.norm(uses) * np.linalg.norm(np.cumsum(inverse(tuple(root.tolist()), 600)))
    tree = np.sqrt(Tree().sensitivity_squared(bounds) * 3)  # 512 + 64 + 16 + 8: four nodes
    assert largest_error(blt, bounds) < min(by_root, tree, np.sqrt(6 * 600))


def test_the_error_is_that_of_the_dense_factors():
    bounds = Bounds(participations=3, separation=4, versions=12)
    blt = best_blt(bounds, 2)
    matrix = toeplitz_matrix(blt.coefficients(12))
    decoder = np.tril(np.ones((12, 12))) @ np.linalg.inv(matrix)
    exact = np.sqrt(sensitivity_squared(matrix, 3, 4)) * np.linalg.norm(decoder, axis=1).max()
    assert largest_error(blt, bounds) == pytest.approx(exact, rel=1e-9)
    coefficients = tuple(blt.coefficients(12).tolist())
    assert np.allclose(inverse_coefficients(blt, 12), inverse(coefficients, 12), atol=1e-12)
