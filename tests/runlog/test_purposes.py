import numpy as np
import pyarrow as pa
import pytest

from gboard_sim.runlog import purposes


@pytest.mark.parametrize(
    ("task", "shape", "up", "down", "configured"),
    [
        ("train", "-v[]+^", "used", "training", True),
        ("train", "-[]+#", "unused", "training", True),
        ("train", "-v[]+!", "broken_off", "training", True),
        ("train", "-v*", "broken_off", "training", True),
        ("train", "-!", "broken_off", "training", False),
        ("train", "v[]", "broken_off", "training", False),
        ("evaluate", "-v[]+^", "evaluation", "evaluation", True),
    ],
)
def test_every_task_and_shape_has_its_purposes(task, shape, up, down, configured):
    assert purposes.uplink(task, shape) == up
    assert purposes.downlink(task) == down
    assert purposes.configured(task, shape) == configured


def test_rows_are_told_apart_whatever_their_chunks():
    task = pa.chunked_array([["train"], ["evaluate", "train"], []], pa.string())
    shape = pa.chunked_array([["-!", "-v[]+^"], ["-v[]+^"]], pa.string())
    found = purposes.by_row(task, shape, lambda t, s: 10 * (t == "train") + len(s))
    assert found.tolist() == [12, 6, 16]


def test_no_rows_have_no_answers():
    nothing = pa.chunked_array([], pa.string())
    found = purposes.by_row(nothing, nothing, purposes.configured)
    assert found.tolist() == []
    assert found.dtype == np.bool_
