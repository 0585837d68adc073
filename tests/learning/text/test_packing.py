import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.learning.text.packing import BOS, Batch, pack

ROWS = st.lists(st.lists(st.integers(2, 30), max_size=17), min_size=1, max_size=12).filter(any)


def packed(rows: list[list[int]], lane: int) -> Batch:
    tokens = np.array([token for row in rows for token in row], np.int32)
    return pack(tokens, np.array([len(row) for row in rows]), lane)


def segments(batch: Batch) -> list[tuple[list[int], list[int]]]:
    """Inputs and targets between one reset and the next, read lane by lane."""
    found = []
    for lane in range(len(batch.inputs)):
        starts = np.flatnonzero(batch.reset[lane])
        for start, end in zip(starts, [*starts[1:], batch.inputs.shape[1]], strict=True):
            real = batch.weight[lane, start:end] == 1
            found.append(
                (
                    batch.inputs[lane, start:end][real].tolist(),
                    batch.targets[lane, start:end][real].tolist(),
                )
            )
    return found


@given(ROWS, st.integers(1, 7))
def test_packing_keeps_every_segment_whole(rows: list[list[int]], lane: int) -> None:
    expected = []
    for row in rows:
        for start in range(0, len(row), lane):
            cut = row[start : start + lane]
            expected.append(([BOS, *cut[:-1]], cut))
    batch = packed(rows, lane)
    assert sorted(segments(batch)) == sorted(expected)
    assert batch.weight.sum() == batch.tokens == sum(map(len, rows))
    assert (batch.reset[:, 0] == 1).all()
    assert (batch.inputs[batch.reset == 1] == BOS).all()


@given(ROWS, st.integers(1, 7))
def test_positions_read_the_rows_back_in_order(rows: list[list[int]], lane: int) -> None:
    batch = packed(rows, lane)
    assert batch.targets.ravel()[batch.positions].tolist() == [t for row in rows for t in row]
    padding = np.ones(batch.targets.size, bool)
    padding[batch.positions] = False
    assert not batch.weight.ravel()[padding].any()
    assert (batch.targets.ravel()[padding] == BOS).all()


@settings(max_examples=200)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=40))
def test_lanes_stay_within_the_bound_of_decreasing_fit(lengths: list[int]) -> None:
    lane = 9
    batch = packed([[2] * length for length in lengths], lane)
    least = -(-sum(lengths) // lane)
    large = sum(length > lane / 2 for length in lengths)  # no two of these share a lane
    lanes = len(batch.inputs)
    assert lanes >= max(least, large)
    # every lane but one is more than half full, or two of them would have been one
    assert (batch.weight.sum(1) <= lane / 2).sum() <= 1


def test_the_drawing_in_the_docstring_is_right() -> None:
    batch = packed([[2, 3, 4], [5, 6], [7, 8, 9, 10, 11], [12]], 5)
    assert batch.targets[batch.weight > 0].sum() == sum(range(2, 13))
    assert batch.inputs.tolist() == [[1, 7, 8, 9, 10], [1, 2, 3, 1, 5], [1, 1, 1, 1, 1]]
    assert batch.targets.tolist() == [[7, 8, 9, 10, 11], [2, 3, 4, 5, 6], [12, 1, 1, 1, 1]]
    assert batch.reset.tolist() == [[1, 0, 0, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 0]]


@pytest.mark.parametrize("lengths", [[], [0, 0], [1]])
def test_nothing_to_pack_is_refused(lengths: list[int]) -> None:
    with pytest.raises(ValueError, match="must be equal, not 0"):
        pack(np.zeros(0, np.int32), np.array(lengths, np.int64), 4)
